import type { HostArray } from './carrier.js'
import { exactNumbers } from './host/integers.js'
import { Refusal } from './refusal.js'

const MOST = 2 ** 31 - 1

/**
 * Indices as the device takes them: 32 bits, and counted from the start where they were from the end.
 * @throws Refusal where one is outside what it points into.
 */
export function indicesWithin({ values }: HostArray, size: number): Int32Array {
  const result = new Int32Array(values.length)
  const numbers = (values instanceof BigInt64Array ? exactNumbers(values) : undefined) ?? values
  for (let at = 0; at < values.length; at++) {
    const index = Number(numbers[at])
    if (index < -size || index >= size) throw outside(values[at]!, size)
    result[at] = index < 0 ? index + size : index
  }
  return result
}

function outside(index: number | bigint, size: number): Refusal {
  const far = Number(index) > MOST || Number(index) < -MOST - 1
  return new Refusal(far ? `gets the index ${index}, beyond the 32 bits that TensorFlow.js has for integers` : `gets the index ${index}, and points into ${size} elements`, `feed indices from ${-size} to ${size - 1}`)
}
