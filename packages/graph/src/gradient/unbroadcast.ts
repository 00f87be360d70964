import type { Dimension } from '@tenon/core'
import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Concat, Div, Max, ReduceSum } from '../ops/index.js'
import { inShapeOf, reshape, sizeOf } from './sizes.js'

/**
 * The gradient of an input that was broadcast: summed over the dimensions in which its elements were repeated.
 *
 * Where a symbol `n` met another size, only a run tells whether `n` is that size or 1. Either way that size is a multiple
 * of `n`: as [size / n, n], summed over the first, it is right in both cases, and the axes stay constants.
 */
export function unbroadcast(gradient: Value, like: Value): Value {
  const extra = gradient.shape.length - like.shape.length
  const kind = (size: Dimension, axis: number): 'same' | 'repeated' | 'perhaps' => {
    const own = axis < extra ? 1 : like.shape[axis - extra]!
    if (own === size) return axis < extra ? 'repeated' : 'same'
    if (own === 1) return 'repeated'
    return typeof own === 'number' ? 'same' : 'perhaps'
  }
  const kinds = gradient.shape.map(kind)
  if (kinds.every((each) => each === 'same')) return gradient
  if (!kinds.includes('perhaps')) {
    const over = integers(gradient, kinds.flatMap((each, axis) => (each === 'repeated' ? [axis] : [])))
    // Dimensions of 1 are kept where that alone gives the input's shape.
    return extra === 0 ? ReduceSum(gradient, over) : inShapeOf(ReduceSum(gradient, over, { keepdims: 0 }), like)
  }
  const split: Value[] = []
  const over: number[] = []
  for (const [axis, each] of kinds.entries()) {
    if (each !== 'same') over.push(split.length)
    if (each === 'perhaps') {
      const own = sizeOf(like, axis - extra)
      split.push(Div(sizeOf(gradient, axis), Max([own, integers(own, [1])])), own) // an empty dimension has no quotient
    } else split.push(sizeOf(gradient, axis))
  }
  const parts = reshape(gradient, Concat(split, { axis: 0 }))
  return inShapeOf(ReduceSum(parts, integers(gradient, over), { keepdims: 0 }), like)
}
