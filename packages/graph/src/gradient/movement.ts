import { axisIndex } from '../shapes.js'
import { integers } from '../literals.js'
import { Cast, Mul } from '../ops/elementwise.js'
import { Concat, Expand, Flatten, Gather, GatherElements, Identity, Range, Reshape, Slice, Split, Squeeze, Tile, Transpose, Unsqueeze } from '../ops/movement.js'
import { ScatterElements } from '../ops/indexing.js'
import { ReduceSum } from '../ops/reduction.js'
import { once, rule, type NamedRule } from './rule.js'
import { scatteredAlong } from './scattered-along.js'
import { counting, elementAt, inShapeOf, reshape, shapeOf, sizeOf, zerosLike } from './sizes.js'
import { unsliced } from './unsliced.js'
import { transposed } from './transposed.js'
import { unbroadcast } from './unbroadcast.js'

export const movement: readonly NamedRule[] = [
  rule(Identity, ({ d }) => [() => d]),
  rule(Reshape, ({ inputs: [x], d }) => [() => inShapeOf(d, x)]),
  rule(Flatten, ({ inputs: [x], d }) => [() => inShapeOf(d, x)]),
  rule(Unsqueeze, ({ inputs: [, axes], d }) => [() => Squeeze(d, axes)]),
  rule(Squeeze, ({ inputs: [x, axes], d }) => [() => Unsqueeze(d, axes ?? integers(x, x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []))))]),
  rule(Transpose, ({ inputs: [x], attributes: { perm }, d }) => [() => transposed(d, x.shape.map((_, axis) => (perm === undefined ? x.shape.length - 1 - axis : perm.indexOf(axis))))]),
  rule(Expand, ({ inputs: [x], d }) => [() => unbroadcast(d, x)]),
  rule(Concat, ({ inputs, attributes: { axis }, d }) => {
    const along = axisIndex('Concat', axis!, d.shape.length)
    const parts = once(() => (inputs.length === 1 ? [d] : d.builder.emit(Split as never, [d, Concat(inputs.map((x) => sizeOf(x, along)), { axis: 0 })], { axis: along }, inputs.length)))
    return inputs.map((_, index) => () => parts()[index]!)
  }),
  rule(Split, ({ outputs, attributes: { axis }, gradients }) => [() => Concat(gradients.map((d, index) => d ?? zerosLike(outputs[index]!)), { axis })]),
  rule(Slice, ({ inputs: [x, starts, ends, axes, steps], d }) => [() => unsliced(x, d, { starts, ends, axes, steps })]),
  rule(Gather, ({ inputs: [x, indices], attributes: { axis }, d }) => [() => {
    const along = axisIndex('Gather', axis, x.shape.length)
    return scatteredAlong(d, along, indices, sizeOf(x, along))
  }]),
  rule(GatherElements, ({ inputs: [x, indices], attributes: { axis }, d }) => [() => ScatterElements(zerosLike(x), indices, d, { axis, reduction: 'add' })]),
  // Each dimension is its repetitions and then its size.
  rule(Tile, ({ inputs: [x, repeats], d }) => [() => {
    const parts = reshape(d, Concat(x.shape.flatMap((_, axis) => [elementAt(repeats, axis), sizeOf(x, axis)]), { axis: 0 }))
    return inShapeOf(ReduceSum(parts, integers(x, x.shape.map((_, axis) => 2 * axis)), { keepdims: 0 }), x)
  }]),
  // start + i · delta; how many there are does not vary smoothly.
  rule(Range, ({ inputs: [start, , delta], d }) => [
    () => ReduceSum(d, integers(d, [0]), { keepdims: 0 }),
    undefined,
    () => ReduceSum(Mul(d, Cast(counting(shapeOf(d)), { to: delta.dtype })), integers(start, [0]), { keepdims: 0 }),
  ]),
]
