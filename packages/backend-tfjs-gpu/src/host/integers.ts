/** Words of 64-bit integers: low and high ones, since every machine Node runs on is little-endian. */
const wordsOf = (values: BigInt64Array | BigUint64Array) => new Int32Array(values.buffer, values.byteOffset, values.length * 2)

/** 64-bit integers as numbers, or `undefined` where one is not exact as a number. Going by words is many times quicker than by bigints. */
export function exactNumbers(values: BigInt64Array | BigUint64Array): Float64Array | undefined {
  const words = wordsOf(values)
  const signed = values instanceof BigInt64Array
  const result = new Float64Array(values.length)
  for (let index = 0; index < result.length; index++) {
    const high = words[2 * index + 1]!
    const number = (signed ? high : high >>> 0) * 2 ** 32 + (words[2 * index]! >>> 0)
    if (!Number.isSafeInteger(number)) return undefined
    result[index] = number
  }
  return result
}

/** The other way round; `false` where a number is no safe integer, and the array is then left as it is up to there. */
export function storeExact(numbers: Float64Array, into: BigInt64Array | BigUint64Array): boolean {
  const words = wordsOf(into)
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!
    if (!Number.isSafeInteger(number)) return false
    words[2 * index] = number >>> 0
    words[2 * index + 1] = Math.floor(number / 2 ** 32)
  }
  return true
}
