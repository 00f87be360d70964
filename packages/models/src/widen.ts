import type { ArrayOf, NumericType } from '@tenon/core'

/** The types weights are stored in. */
const floats = ['float64', 'float32', 'float16', 'bfloat16'] as const
export type FloatType = (typeof floats)[number]

export const isFloat = (dtype: NumericType): dtype is FloatType => (floats as readonly NumericType[]).includes(dtype)

/** The 65,536 values of float16, by their bits (IEEE 754-2019, binary16). */
let halves: Float32Array | undefined

function halfTable(): Float32Array {
  return (halves ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 0x1f
    const fraction = bits & 0x3ff
    if (exponent === 0) return sign * fraction * 2 ** -24
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }))
}

/** Elements as float32: exactly, except that float64 is rounded to nearest. */
export function widen(dtype: FloatType, values: ArrayOf[FloatType]): Float32Array {
  // Loops, not `from` with a function, which takes 20 times as long.
  if (dtype === 'float16') {
    const table = halfTable()
    const widened = new Float32Array(values.length)
    for (let index = 0; index < values.length; index++) widened[index] = table[values[index]!]!
    return widened
  }
  if (dtype === 'bfloat16') {
    // A bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(values.length)
    for (let index = 0; index < values.length; index++) bits[index] = values[index]! << 16
    return new Float32Array(bits.buffer)
  }
  return Float32Array.from(values)
}
