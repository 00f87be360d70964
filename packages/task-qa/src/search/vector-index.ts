import { throwIfAborted } from '@tenon/core'
import { breathe } from '../breathe.js'

/** Numbers read between two looks at the event loop: about 2 ms of work. */
const slice = 2_000_000

/** Scales to length 1 into `target`; a zero vector stays zero. */
export function normalise(vector: Float32Array, target: Float32Array = new Float32Array(vector.length)): Float32Array {
  let sum = 0
  for (const value of vector) sum += value * value
  const factor = sum > 0 ? 1 / Math.sqrt(sum) : 0
  for (let index = 0; index < vector.length; index++) target[index] = (vector[index] as number) * factor
  return target
}

export function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0
  for (let index = 0; index < one.length; index++) sum += (one[index] as number) * (other[index] as number)
  return sum
}

/**
 * Exact cosine search: unit vectors in one matrix, row after row. What is written is never moved within its matrix, so
 * a search that is under way while rows come and go still reads what was there when it began.
 */
export class VectorIndex {
  readonly #dimensions: number
  #matrix = new Float32Array(0)
  /** The id of each row; -1 where it was removed. */
  #ids: number[] = []
  #removed = 0

  constructor(dimensions: number) {
    this.#dimensions = dimensions
  }

  add(ids: readonly number[], vectors: readonly Float32Array[]): void {
    const width = this.#dimensions
    const needed = (this.#ids.length + ids.length) * width
    if (needed > this.#matrix.length) {
      const grown = new Float32Array(Math.max(needed, this.#matrix.length * 2))
      grown.set(this.#matrix.subarray(0, this.#ids.length * width))
      this.#matrix = grown
    }
    ids.forEach((id, index) => {
      const row = this.#ids.length
      normalise(vectors[index] as Float32Array, this.#matrix.subarray(row * width, (row + 1) * width))
      this.#ids.push(id)
    })
  }

  remove(ids: ReadonlySet<number>): void {
    if (ids.size === 0) return
    // A new list: searches under way keep theirs.
    this.#ids = this.#ids.map((id) => {
      if (!ids.has(id)) return id
      this.#removed++
      return -1
    })
    if (this.#removed * 2 <= this.#ids.length) return
    const width = this.#dimensions
    const kept = this.#ids.flatMap((id, row) => (id === -1 ? [] : [row]))
    const matrix = new Float32Array(kept.length * width)
    kept.forEach((row, index) => matrix.set(this.#matrix.subarray(row * width, (row + 1) * width), index * width))
    this.#ids = kept.map((row) => this.#ids[row] as number)
    this.#matrix = matrix
    this.#removed = 0
  }

  /** Cosines of every row with `query`, a unit vector, by id. */
  async search(query: Float32Array, signal?: AbortSignal): Promise<Map<number, number>> {
    const width = this.#dimensions
    const matrix = this.#matrix
    const ids = this.#ids
    const count = ids.length
    const rows = Math.max(1, Math.floor(slice / width))
    const cosines = new Map<number, number>()
    for (let from = 0; from < count; from += rows) {
      if (from > 0) await breathe()
      throwIfAborted(signal)
      for (let row = from; row < Math.min(count, from + rows); row++) {
        const id = ids[row] as number
        if (id === -1) continue
        let sum = 0
        const offset = row * width
        for (let index = 0; index < width; index++) sum += (matrix[offset + index] as number) * (query[index] as number)
        cosines.set(id, sum)
      }
    }
    return cosines
  }
}
