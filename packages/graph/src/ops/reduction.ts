import { ShapeMismatchError } from '@tenon/core'
import { volume } from '../dimension.js'
import { scalar } from '../literals.js'
import { defineOp, type Value, type ValueType } from '../op.js'
import { axisIndex } from '../shapes.js'
import { Abs, Add, Div, Exp, Log, Mul, Sqrt, Sub } from './elementwise.js'
import { fromNumbers, numbers, strides } from './evaluate.js'

/** The axes to reduce. Left out, they are all axes, or none where the attribute says so. */
function axesOf(op: string, x: ValueType, axes: ValueType | undefined, noop: number): readonly number[] {
  if (axes !== undefined && axes.elements === undefined) throw new ShapeMismatchError({ op, expected: 'constant axes', actual: 'axes computed at run time' })
  const listed = axes?.elements as number[] | undefined
  const all = x.shape.map((_, axis) => axis)
  return listed === undefined || listed.length === 0 ? (noop ? [] : all) : listed.map((axis) => axisIndex(op, axis, x.shape.length))
}

/** Sizes after reducing: each reduced axis becomes 1, or goes. */
function reduced(op: string, x: ValueType, axes: ValueType | undefined, keepdims: number, noop: number): ValueType {
  const over = axesOf(op, x, axes, noop)
  const shape = keepdims ? x.shape.map((size, axis) => (over.includes(axis) ? 1 : size)) : x.shape.filter((_, axis) => !over.includes(axis))
  return { dtype: x.dtype, shape }
}

const overAxes = {
  inputs: ['data', 'axes?'],
  attributes: { keepdims: { type: 'int', default: 1 }, noop_with_empty_axes: { type: 'int', default: 0 } },
} as const

const reduction = <Name extends string>(op: Name, since: number) =>
  defineOp(op, { since, ...overAxes, infer: ([x, axes], { keepdims, noop_with_empty_axes: noop }) => reduced(op, x, axes, keepdims, noop) })

type Reduce = (x: Value, axes: Value | undefined, keeping: { readonly keepdims: number; readonly noop_with_empty_axes: number }) => Value | undefined

const composite = <Name extends string>(op: Name, reduce: Reduce) =>
  defineOp(op, {
    since: 18,
    ...overAxes,
    infer: ([x, axes], { keepdims, noop_with_empty_axes: noop }) => reduced(op, x, axes, keepdims, noop),
    decompose: ([x, axes], keeping) => reduce(x, axes, keeping),
  })

export const ReduceSum = reduction('ReduceSum', 13)
/** A sum over as many, where that is known ahead. */
export const ReduceMean = composite('ReduceMean', (x, axes, keeping) => {
  const count = volume(axesOf('ReduceMean', x, axes, keeping.noop_with_empty_axes).map((axis) => x.shape[axis]!))
  if (typeof count !== 'number') return undefined
  const total = ReduceSum(x, axes, keeping)
  return x.dtype.includes('float') ? Mul(total, scalar(x, 1 / count)) : Div(total, scalar(x, count))
})
export const ReduceMax = reduction('ReduceMax', 20)
export const ReduceMin = reduction('ReduceMin', 20)
export const ReduceL2 = composite('ReduceL2', (x, axes, keeping) => Sqrt(ReduceSumSquare(x, axes, keeping)))
export const ReduceProd = reduction('ReduceProd', 18)
export const ReduceL1 = composite('ReduceL1', (x, axes, keeping) => ReduceSum(Abs(x), axes, keeping))
export const ReduceSumSquare = composite('ReduceSumSquare', (x, axes, keeping) => ReduceSum(Mul(x, x), axes, keeping))
export const ReduceLogSum = composite('ReduceLogSum', (x, axes, keeping) => Log(ReduceSum(x, axes, keeping)))
/** The largest is taken out first, so that no exponent overflows. */
export const ReduceLogSumExp = composite('ReduceLogSumExp', (x, axes, keeping) => {
  const largest = ReduceMax(x, axes, { ...keeping, keepdims: 1 })
  const rest = Log(ReduceSum(Exp(Sub(x, largest)), axes, keeping))
  return Add(rest, keeping.keepdims ? largest : ReduceMax(x, axes, keeping))
})

const extremePlace = <Name extends string>(op: Name) =>
  defineOp(op, {
    since: 13,
    inputs: ['data'],
    attributes: { axis: { type: 'int', default: 0 }, keepdims: { type: 'int', default: 1 }, select_last_index: { type: 'int', default: 0 } },
    infer: ([x], { axis, keepdims }) => {
      const at = axisIndex(op, axis, x.shape.length)
      return { dtype: 'int64', shape: keepdims ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1) }
    },
  })

export const ArgMax = extremePlace('ArgMax')
export const ArgMin = extremePlace('ArgMin')

/** Sums of all elements up to each one along an axis; `exclusive` leaves that one out, `reverse` starts at the end. */
export const CumSum = defineOp('CumSum', {
  since: 14,
  inputs: ['x', 'axis'],
  attributes: { exclusive: { type: 'int', default: 0 }, reverse: { type: 'int', default: 0 } },
  infer: ([x, axis]) => {
    const [known] = axis.elements ?? []
    if (typeof known === 'number') axisIndex('CumSum', known, x.shape.length)
    return { dtype: x.dtype, shape: x.shape }
  },
  evaluate: ([x, axis], { exclusive, reverse }) => {
    const list = numbers(x)
    const [along] = numbers(axis) ?? []
    if (list === undefined || along === undefined) return undefined
    const at = axisIndex('CumSum', along, x.shape.length)
    const [step, size] = [strides(x.shape)[at]!, x.shape[at]!]
    const totals = [...list]
    const before = (index: number) => (Math.floor(index / step) % size === (reverse ? size - 1 : 0) ? 0 : totals[reverse ? index + step : index - step]!)
    for (const index of reverse ? [...list.keys()].reverse() : list.keys()) totals[index]! += before(index)
    return fromNumbers(x.dtype, x.shape, exclusive ? totals.map((_, index) => before(index)) : totals)
  },
})
