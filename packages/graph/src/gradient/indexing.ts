import { ShapeMismatchError } from '@tenon/core'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Add, Div, Equal, Mul, Neg, Sub } from '../ops/elementwise.js'
import { GatherND, OneHot, Pad, ScatterElements, ScatterND, TopK, Trilu } from '../ops/indexing.js'
import { Concat, GatherElements, Reshape } from '../ops/movement.js'
import { ReduceSum } from '../ops/reduction.js'
import { axisIndex } from '../shapes.js'
import { once, rule, type NamedRule } from './rule.js'
import { scatteredAlong } from './scattered-along.js'
import { scatteredAt } from './scattered-at.js'
import { counting, elementAt, indicator, joined, sizeOf, zerosLike } from './sizes.js'

type Rule = ReturnType<NamedRule[1]>

/** Reads the places that a scatter writes, and writes them. */
interface Places {
  gather(data: Value): Value
  scatter(data: Value, updates: Value, reduction: string): Value
}

/** The gradients of data, indices and updates. */
function scatterRule(data: Value, updates: Value, y: Value, d: Value, reduction: string, { gather, scatter }: Places): Rule {
  if (reduction === 'none') return [() => scatter(d, zerosLike(updates), 'none'), undefined, () => gather(d)]
  if (reduction === 'add') return [() => d, undefined, () => gather(d)]
  if (reduction === 'mul') return [() => scatter(d, updates, 'mul'), undefined, () => Div(gather(Mul(d, y)), updates)]
  // The largest, or the smallest: all that are equal to it share.
  const [ofData, ofUpdates] = [once(() => indicator(Equal(data, y), y)), once(() => indicator(Equal(updates, gather(y)), y))]
  const each = once(() => Div(d, scatter(ofData(), ofUpdates(), 'add')))
  return [() => Mul(each(), ofData()), undefined, () => Mul(gather(each()), ofUpdates())]
}

const negated = (pads: Value): Value => (pads.elements?.every((pad) => typeof pad === 'number') ? integers(pads, pads.elements.map((pad) => -pad)) : Neg(pads))

/** Elements that were repeated at the ends get the gradients of their repetitions. */
function unpadded(x: Value, d: Value, pads: Value, axes: Value | undefined, mode: string): Value {
  const along = axes === undefined ? x.shape.map((_, axis) => axis) : axes.elements?.map((axis) => axisIndex('Pad', Number(axis), x.shape.length))
  if (along === undefined) throw new ShapeMismatchError({ op: `the gradient of Pad in the mode '${mode}'`, expected: 'constant axes', actual: 'axes computed at run time' })
  return along.reduce((gradient, axis, index) => {
    const amounts = joined([elementAt(pads, index), elementAt(pads, index + along.length)])
    return amounts.elements?.every((amount) => amount === 0) ? gradient : scatteredAlong(gradient, axis, Pad(counting(sizeOf(x, axis)), amounts, undefined, undefined, { mode }), sizeOf(x, axis))
  }, d)
}

export const indexing: readonly NamedRule[] = [
  rule(GatherND, ({ inputs: [x, indices], attributes: { batch_dims: batch }, d }) => [() => scatteredAt(d, indices, x, batch)]),
  rule(ScatterND, ({ inputs: [data, indices, updates], attributes: { reduction }, y, d }) =>
    scatterRule(data, updates, y, d, reduction, {
      gather: (x) => GatherND(x, indices),
      scatter: (x, news, how) => (how === 'add' ? Add(x, scatteredAt(news, indices, x)) : ScatterND(x, indices, news, { reduction: how })),
    })),
  rule(ScatterElements, ({ inputs: [data, indices, updates], attributes: { axis, reduction }, y, d }) =>
    scatterRule(data, updates, y, d, reduction, {
      gather: (x) => GatherElements(x, indices, { axis }),
      scatter: (x, news, how) => ScatterElements(x, indices, news, { axis, reduction: how }),
    })),
  rule(TopK, ({ inputs: [x, k], outputs: [, places], attributes: { axis, largest, sorted }, d }) => [() => {
    const indices = places ?? x.builder.emit(TopK as never, [x, k], { axis, largest, sorted }, 2)[1]!
    return ScatterElements(zerosLike(x), indices, d, { axis, reduction: 'add' })
  }]),
  // What stands where the index is, and elsewhere.
  rule(OneHot, ({ inputs: [indices, depth, values], attributes: { axis }, d }) => [undefined, undefined, () => {
    const hot = OneHot(indices, depth, Concat([0, 1].map((value) => Reshape(scalar(values, value), integers(values, [1]))), { axis: 0 }), { axis })
    const on = ReduceSum(Mul(d, hot), undefined, { keepdims: 0 })
    const off = Sub(ReduceSum(d, undefined, { keepdims: 0 }), on)
    return Concat([off, on].map((each) => Reshape(each, integers(each, [1]))), { axis: 0 })
  }]),
  rule(Trilu, ({ inputs: [, k], attributes: { upper }, d }) => [() => Trilu(d, k, { upper })]),
  rule(Pad, ({ inputs: [x, pads, filler, axes], attributes: { mode }, d }) => {
    if (mode !== 'constant') return [() => unpadded(x, d, pads, axes, mode)]
    const inner = once(() => Pad(d, negated(pads), undefined, axes))
    const sum = (each: Value) => ReduceSum(each, undefined, { keepdims: 0 })
    return [inner, undefined, filler && (() => Sub(sum(d), sum(inner())))]
  }),
]
