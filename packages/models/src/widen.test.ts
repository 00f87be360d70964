import { describe, expect, it } from 'vitest'
import { isFloat, widen } from './widen.js'

const everyBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

/** Equal as numbers, signs of zeros included; all NaNs are one. */
const unlike = (actual: Float32Array, expected: (bits: number) => number) => everyBits.filter((bits) => !Object.is(actual[bits], expected(bits)))

/**
 * binary16 from its digits, the other way round than widen.ts: half the bits are moved to where float32 has them, and what
 * float32 then reads is scaled by the difference of the biases, subnormals included. Exponent 31 is float32's 143, 2¹⁶ and up.
 */
function half(bits: number): number {
  const word = new DataView(new ArrayBuffer(4))
  word.setUint32(0, ((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13))
  const value = word.getFloat32(0) * 2 ** 112
  if (Math.abs(value) < 2 ** 16) return value
  return Math.abs(value) > 2 ** 16 ? NaN : value * Infinity
}

describe('widening', () => {
  it('reads each of the 65,536 float16 as an independent formula does', () => {
    expect(unlike(widen('float16', everyBits), half)).toHaveLength(0)
  })

  it.each([
    [0x0001, 2 ** -24, 'the smallest subnormal'],
    [0x03ff, 1023 * 2 ** -24, 'the largest subnormal'],
    [0x0400, 2 ** -14, 'the smallest normal'],
    [0x3555, 0.333251953125, 'a third'],
    [0x7bff, 65504, 'the largest'],
    [0x8000, -0, 'minus zero'],
    [0xfc00, -Infinity, 'minus infinity'],
    [0x7e00, NaN, 'a NaN'],
  ])('reads the float16 %i as %d: %s', (bits, value) => {
    expect(widen('float16', Uint16Array.of(bits))[0]).toBe(value)
  })

  it('reads each of the 65,536 bfloat16 as the float32 whose upper half it is', () => {
    const word = new DataView(new ArrayBuffer(4))
    const upperHalf = (bits: number) => {
      word.setUint16(0, bits)
      return word.getFloat32(0)
    }
    expect(unlike(widen('bfloat16', everyBits), upperHalf)).toHaveLength(0)
  })

  it('copies float32 and rounds float64 to nearest', () => {
    expect(Array.from(widen('float32', Float32Array.of(0.5, -0, NaN)))).toEqual([0.5, -0, NaN])
    expect(Array.from(widen('float64', Float64Array.of(1 / 3, 1e300)))).toEqual([Math.fround(1 / 3), Infinity])
  })

  it('keeps what it is given, whatever part of an array that is', () => {
    const values = Uint16Array.of(0x3c00, 0x4000, 0x4200)
    expect(Array.from(widen('float16', values.subarray(1)))).toEqual([2, 3])
    expect(Array.from(widen('bfloat16', Uint16Array.of(0, 0x4000).subarray(1)))).toEqual([2])
  })

  it('tells types that hold weights from those that hold something else', () => {
    expect((['float64', 'float32', 'float16', 'bfloat16'] as const).every(isFloat)).toBe(true)
    expect((['int8', 'uint4', 'int64', 'bool'] as const).some(isFloat)).toBe(false)
  })
})
