import type { NumericType, TypedArray } from '@tenon/core'

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

/** Elements of any type as float32. */
export function widen(dtype: NumericType, values: TypedArray): Float32Array {
  if (dtype === 'float16') {
    const table = halfTable()
    return Float32Array.from(values as Uint16Array, (bits) => table[bits]!)
  }
  if (dtype === 'bfloat16') {
    // A bfloat16 is the upper half of a float32.
    const bits = Uint32Array.from(values as Uint16Array, (half) => half << 16)
    return new Float32Array(bits.buffer)
  }
  return Float32Array.from(values as ArrayLike<number>, Number)
}
