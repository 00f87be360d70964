import { allocate, inlineConstant, type ArrayOf, type NumericType } from '@tenon/core'
import type { Value } from './op.js'

/** A number as a scalar of `like`'s type, in `like`'s graph. */
export function scalar(like: Value, value: number): Value {
  const dtype = like.dtype as NumericType
  return like.builder.constant(inlineConstant(dtype, [], one(dtype, value)))
}

/** A number as one element of a type. */
export function one<D extends NumericType>(dtype: D, value: number): ArrayOf[D] {
  const values = allocate<NumericType>(dtype, 1)
  values[0] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : dtype === 'float16' ? float16Bits(value) : dtype === 'bfloat16' ? bfloat16Bits(value) : value
  return values as ArrayOf[D]
}

const word = new DataView(new ArrayBuffer(4))

/** The upper half of the float32, rounded to nearest, ties to even. Beyond the range numbers stay finite, since masks use the lowest float32. */
function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0
  word.setFloat32(0, value)
  const bits = word.getUint32(0)
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
  return (rounded & 0x7fff) === 0x7f80 && Number.isFinite(value) ? rounded - 1 : rounded
}

/** IEEE 754 binary16, likewise. */
function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size === Infinity) return sign | 0x7c00
  if (size >= 65504) return sign | 0x7bff
  const exponent = Math.max(Math.floor(Math.log2(size)), -14)
  const steps = roundHalfToEven(size / 2 ** (exponent - 10)) // 1024 to 2048 of them from one power of two to the next
  return sign | (((exponent + 14) << 10) + steps)
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded
}

/** An integer as an int64 scalar, in `near`'s graph: an index, the end of a range. */
export function integer(near: Value, value: number): Value {
  return near.builder.constant(inlineConstant('int64', [], BigInt64Array.of(BigInt(value))))
}

/** Integers as an int64 vector, in `near`'s graph: axes and shapes. */
export function integers(near: Value, values: readonly number[]): Value {
  return near.builder.constant(inlineConstant('int64', [values.length], BigInt64Array.from(values, BigInt)))
}

/** Constants at hand of up to this many bytes are one where they hold the same: axes, shapes, scalars. Larger ones are weights, and not looked into. */
export const LITERAL_BYTES = 256
