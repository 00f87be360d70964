import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Add, And, Cast, Div, Equal, Exp, Mul, Not, Sub, Where } from '../ops/elementwise.js'
import { Expand, Unsqueeze } from '../ops/movement.js'
import { CumSum, ReduceL2, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare } from '../ops/reduction.js'
import { axisIndex } from '../shapes.js'
import { rule, type NamedRule } from './rule.js'
import { indicator, shapeOf, sizeOf, times } from './sizes.js'

interface Keeping {
  readonly keepdims: number
  readonly noop_with_empty_axes: number
}

function reducedAxes(x: Value, axes: Value | undefined, { noop_with_empty_axes: noop }: Keeping): number[] {
  const listed = (axes?.elements ?? []) as readonly number[]
  return listed.length > 0 ? listed.map((axis) => axisIndex('a reduction', axis, x.shape.length)) : noop ? [] : x.shape.map((_, axis) => axis)
}

/** With the reduced dimensions back, of size 1. */
function kept(reduced: Value, over: readonly number[], { keepdims }: Keeping): Value {
  return keepdims || over.length === 0 ? reduced : Unsqueeze(reduced, integers(reduced, over))
}

const repeated = (x: Value, like: Value): Value => Expand(x, shapeOf(like))

/** How many elements each sum has, as a number of the type. */
export function countOf(x: Value, over: readonly number[]): Value {
  const sizes = over.map((axis) => sizeOf(x, axis)).reduce(times, integers(x, [1]))
  const [known] = sizes.elements ?? []
  return typeof known === 'number' ? scalar(x, known) : Cast(sizes, { to: x.dtype })
}

/** Those that are equally far out share the gradient. */
const extremum = (definition: typeof ReduceMax | typeof ReduceMin): NamedRule =>
  rule(definition, ({ inputs: [x, axes], attributes, y, d }) => [() => {
    const over = reducedAxes(x, axes, attributes)
    const chosen = indicator(Equal(x, kept(y, over, attributes)), x)
    return Mul(chosen, Div(kept(d, over, attributes), ReduceSum(chosen, integers(x, over), { noop_with_empty_axes: 1 })))
  }])

export const reduction: readonly NamedRule[] = [
  rule(ReduceSum, ({ inputs: [x, axes], attributes, d }) => [() => repeated(kept(d, reducedAxes(x, axes, attributes), attributes), x)]),
  rule(ReduceMean, ({ inputs: [x, axes], attributes, d }) => [() => {
    const over = reducedAxes(x, axes, attributes)
    return repeated(Div(kept(d, over, attributes), countOf(x, over)), x)
  }]),
  extremum(ReduceMax),
  extremum(ReduceMin),
  // At the origin, where no direction is the steepest, 0.
  rule(ReduceL2, ({ inputs: [x, axes], attributes, y, d }) => [() => Mul(x, kept(Where(Equal(y, scalar(y, 0)), scalar(y, 0), Div(d, y)), reducedAxes(x, axes, attributes), attributes))]),
  rule(ReduceSumSquare, ({ inputs: [x, axes], attributes, d }) => [() => Mul(x, kept(Mul(d, scalar(d, 2)), reducedAxes(x, axes, attributes), attributes))]),
  rule(ReduceLogSumExp, ({ inputs: [x, axes], attributes, y, d }) => [() => {
    const over = reducedAxes(x, axes, attributes)
    return Mul(kept(d, over, attributes), Exp(Sub(x, kept(y, over, attributes))))
  }]),
  // The product of the others: where there is one 0, only its own is not 0.
  rule(ReduceProd, ({ inputs: [x, axes], attributes, d }) => [() => {
    const over = reducedAxes(x, axes, attributes)
    const along = integers(x, over)
    const isZero = Equal(x, scalar(x, 0))
    const safe = Where(isZero, scalar(x, 1), x)
    const product = ReduceProd(safe, along, { noop_with_empty_axes: 1 })
    const zeros = ReduceSum(indicator(isZero, x), along, { noop_with_empty_axes: 1 })
    const [none, one] = [Equal(zeros, scalar(x, 0)), Equal(zeros, scalar(x, 1))]
    const others = Add(indicator(And(isZero, one), x), Div(indicator(And(Not(isZero), none), x), safe))
    return Mul(Mul(kept(d, over, attributes), product), others)
  }]),
  rule(CumSum, ({ inputs: [, axis], attributes: { exclusive, reverse }, d }) => [() => CumSum(d, axis, { exclusive, reverse: reverse ? 0 : 1 })]),
]
