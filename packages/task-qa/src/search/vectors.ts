/** Scaled to length 1; a zero vector stays zero. */
export function normalise(vector: Float32Array): Float32Array {
  let sum = 0
  for (const value of vector) sum += value * value
  const factor = sum > 0 ? 1 / Math.sqrt(sum) : 0
  return vector.map((value) => value * factor)
}

export function dot(one: Float32Array, other: Float32Array): number {
  return dotAt(one, other, 0)
}

/** The same with the row of `matrix` that begins at `offset`. */
export function dotAt(vector: Float32Array, matrix: Float32Array, offset: number): number {
  let sum = 0
  for (let index = 0; index < vector.length; index++) sum += (vector[index] as number) * (matrix[offset + index] as number)
  return sum
}
