import { ShapeMismatchError } from '@tenon/core'
import { defineOp, type ValueType } from '../op.js'
import { axisIndex } from '../shapes.js'

/** Sizes after reducing: each reduced axis becomes 1, or goes. Axes left out are all axes, or none where the attribute says so. */
function reduced(op: string, x: ValueType, axes: ValueType | undefined, keepdims: number, noop: number): ValueType {
  if (axes !== undefined && axes.elements === undefined) throw new ShapeMismatchError({ op, expected: 'constant axes', actual: 'axes computed at run time' })
  const listed = axes?.elements as number[] | undefined
  const all = x.shape.map((_, axis) => axis)
  const over = listed === undefined || listed.length === 0 ? (noop ? [] : all) : listed.map((axis) => axisIndex(op, axis, x.shape.length))
  const shape = keepdims ? x.shape.map((size, axis) => (over.includes(axis) ? 1 : size)) : x.shape.filter((_, axis) => !over.includes(axis))
  return { dtype: x.dtype, shape }
}

const reduction = <Name extends string>(op: Name, since: number) =>
  defineOp(op, {
    since,
    inputs: ['data', 'axes?'],
    attributes: { keepdims: { type: 'int', default: 1 }, noop_with_empty_axes: { type: 'int', default: 0 } },
    infer: ([x, axes], { keepdims, noop_with_empty_axes: noop }) => reduced(op, x, axes, keepdims, noop),
  })

export const ReduceSum = reduction('ReduceSum', 13)
export const ReduceMean = reduction('ReduceMean', 18)
export const ReduceMax = reduction('ReduceMax', 20)
export const ReduceMin = reduction('ReduceMin', 20)
export const ReduceL2 = reduction('ReduceL2', 18)

export const ArgMax = defineOp('ArgMax', {
  since: 13,
  inputs: ['data'],
  attributes: { axis: { type: 'int', default: 0 }, keepdims: { type: 'int', default: 1 }, select_last_index: { type: 'int', default: 0 } },
  infer: ([x], { axis, keepdims }) => {
    const at = axisIndex('ArgMax', axis, x.shape.length)
    return { dtype: 'int64', shape: keepdims ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1) }
  },
})
