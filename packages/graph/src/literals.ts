import { allocate, inlineConstant, type NumericType } from '@tenon/core'
import type { Value } from './op.js'

/** A number as a scalar of `like`'s type, in `like`'s graph. */
export function scalar(like: Value, value: number): Value {
  const dtype = like.dtype as NumericType
  const values = allocate(dtype, 1)
  values[0] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value
  return like.builder.constant(inlineConstant(dtype, [], values))
}

/** Integers as an int64 vector, in `near`'s graph: axes and shapes. */
export function integers(near: Value, values: readonly number[]): Value {
  return near.builder.constant(inlineConstant('int64', [values.length], BigInt64Array.from(values, BigInt)))
}
