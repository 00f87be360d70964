import { inlineConstant, type NumericType } from '@tenon/core'
import { exactQuotient, volume } from '../dimension.js'
import { integers, one, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Add, Cast, Concat, ConstantOfShape, Mul, Range, Reshape, Shape, Slice, Squeeze, Sub } from '../ops/index.js'

/** A vector of sizes as a constant where all are known, so that graphs of fixed sizes compute none. */
export function settled(sizes: Value): Value {
  const { elements } = sizes
  return elements?.every((size) => typeof size === 'number') ? integers(sizes, elements) : sizes
}

/** A value's shape, as a vector of the graph. */
export const shapeOf = (x: Value): Value => settledShape(x, 0, x.shape.length)

/** The size of one dimension, as a vector of one. */
export const sizeOf = (x: Value, axis: number): Value => settledShape(x, axis, axis + 1)

function settledShape(x: Value, start: number, end: number): Value {
  const sizes = x.shape.slice(start, end)
  if (sizes.every((size) => typeof size === 'number')) return integers(x, sizes)
  return end - start === x.shape.length ? Shape(x) : Shape(x, { start, end })
}

/** Vectors of sizes, one behind another. */
export const joined = (sizes: readonly Value[]): Value => (sizes.length === 1 ? sizes[0]! : settled(Concat(sizes, { axis: 0 })))

/** One element of a vector of sizes, as a vector. The largest int64, an end that says "to the last", is no number of JavaScript. */
export function elementAt(vector: Value, index: number): Value {
  if (vector.shape[0] === 1) return vector
  const known = vector.elements?.[index]
  return Number.isSafeInteger(known) ? integers(vector, [known as number]) : Slice(vector, integers(vector, [index]), integers(vector, [index + 1]))
}

export const plus = (a: Value, b: Value): Value => settled(Add(a, b))
export const minus = (a: Value, b: Value): Value => settled(Sub(a, b))
export const times = (a: Value, b: Value): Value => settled(Mul(a, b))

/** 0, 1, … up to a size, which is a vector of one. */
export const counting = (size: Value): Value => Range(scalar(size, 0), Squeeze(size, integers(size, [0])), scalar(size, 1))

export const sameShape = (a: Value, b: Value): boolean => a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis])

/** The elements in the shape of `like`, which has as many. */
export function inShapeOf(x: Value, like: Value): Value {
  if (sameShape(x, like)) return x
  const target = constantTarget(x, like)
  return target === undefined ? reshape(x, shapeOf(like)) : Reshape(x, integers(x, target))
}

/**
 * A shape for Reshape that no run needs to compute, and that keeps no value in memory to be asked for its sizes: 0 for a size that stays
 * in its place, or -1 for the only one that does not.
 */
function constantTarget(x: Value, like: Value): number[] | undefined {
  if (like.shape.includes(0)) return undefined
  const target = like.shape.map((size, axis) => (typeof size === 'number' ? size : size === x.shape[axis] ? 0 : -1))
  const [rest, ...more] = like.shape.filter((_, axis) => target[axis] === -1)
  if (rest === undefined) return target
  const others = volume(like.shape.filter((_, axis) => target[axis] !== -1))
  return more.length === 0 && !target.includes(0) && exactQuotient(volume(x.shape), others) === rest ? target : undefined
}

/** The elements in this shape, in which 0 is a size. */
export const reshape = (x: Value, shape: Value): Value => Reshape(x, shape, shape.elements?.every((size) => typeof size === 'number' && size !== 0) ? {} : { allowzero: 1 })

/** `value` in a shape. */
export const filledShape = (shape: Value, dtype: NumericType, value: number): Value => ConstantOfShape(shape, { value: inlineConstant(dtype, [1], one(dtype, value)) })

const filledLike = (x: Value, value: number): Value => (x.shape.length === 0 ? scalar(x, value) : filledShape(shapeOf(x), x.dtype as NumericType, value))
export const zerosLike = (x: Value): Value => filledLike(x, 0)
export const onesLike = (x: Value): Value => filledLike(x, 1)

/** A truth as 0 or 1 of `like`'s type. */
export const indicator = (condition: Value, like: Value): Value => Cast(condition, { to: like.dtype })
