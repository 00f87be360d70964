import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Mul } from '../ops/elementwise.js'
import { DequantizeLinear } from '../ops/quantization.js'
import { ReduceSum } from '../ops/reduction.js'
import { axisIndex } from '../shapes.js'
import { rule, type NamedRule } from './rule.js'
import { inShapeOf, joined, onesLike, reshape, sizeOf } from './sizes.js'

export const quantization: readonly NamedRule[] = [
  // The scale's factor is what a scale of 1 gives, whatever the zero points; the codes are integers.
  rule(DequantizeLinear, ({ inputs: [x, scale, zero], attributes: { axis, block_size: block }, d }) => [undefined, () => {
    const each = Mul(d, DequantizeLinear(x, onesLike(scale), zero, { axis, block_size: block }))
    if (scale.shape.length === 0) return ReduceSum(each, undefined, { keepdims: 0 })
    const at = axisIndex('DequantizeLinear', axis, Math.max(x.shape.length, 1))
    return block > 0 ? blockSums(each, at, block, scale) : inShapeOf(ReduceSum(each, integers(x, x.shape.flatMap((_, index) => (index === at ? [] : [index]))), { keepdims: 0, noop_with_empty_axes: 1 }), scale)
  }]),
]

function blockSums(x: Value, axis: number, block: number, scale: Value): Value {
  const sizes = x.shape.flatMap((_, index) => (index === axis ? [sizeOf(scale, index), integers(x, [block])] : [sizeOf(x, index)]))
  return ReduceSum(reshape(x, joined(sizes)), integers(x, [axis + 1]), { keepdims: 0 })
}
