import { ShapeMismatchError, TypeMismatchError, type DataType, type Dimension } from '@tenon/core'
import { sum, volume } from '../dimension.js'
import { defineOp, type ValueType } from '../op.js'
import { axisIndex, sameSize, sameType } from '../shapes.js'

const indexTypes: ReadonlySet<DataType> = new Set(['int32', 'int64'])

function indices(op: string, { dtype }: ValueType): void {
  if (!indexTypes.has(dtype)) throw new TypeMismatchError({ op, expected: 'indices of int32 or int64', actual: dtype })
}

/** How many dimensions each index of GatherND and ScatterND tells, and that these are there. */
function told(op: string, data: ValueType, index: ValueType, batch: number): number {
  indices(op, index)
  const count = index.shape.at(-1)
  if (typeof count !== 'number' || count < 1 || batch < 0 || batch >= index.shape.length || batch + count > data.shape.length) {
    throw new ShapeMismatchError({ op, expected: `indices of 1 to ${data.shape.length - batch} numbers each`, actual: index.shape })
  }
  for (let axis = 0; axis < batch; axis++) sameSize(op, `size on axis ${axis} of`, data.shape[axis]!, index.shape[axis]!)
  return count
}

/** The last dimension of `indices` is read as places in the data; what stands there follows. */
export const GatherND = defineOp('GatherND', {
  since: 13,
  inputs: ['data', 'indices'],
  outputs: ['output'],
  attributes: { batch_dims: { type: 'int', default: 0 } },
  infer: ([data, index], { batch_dims: batch }) => {
    const count = told('GatherND', data, index, batch)
    return { dtype: data.dtype, shape: [...index.shape.slice(0, -1), ...data.shape.slice(batch + count)] }
  },
})

/** The data with `updates` in the places that `indices` tell, or with `reduction`, combined with what was there. */
export const ScatterND = defineOp('ScatterND', {
  since: 18,
  inputs: ['data', 'indices', 'updates'],
  outputs: ['output'],
  attributes: { reduction: { type: 'string', default: 'none' } },
  infer: ([data, index, updates]) => {
    sameType('ScatterND', data, updates)
    const count = told('ScatterND', data, index, 0)
    const expected = [...index.shape.slice(0, -1), ...data.shape.slice(count)]
    sameSize('ScatterND', 'updates of as many dimensions as', expected.length, updates.shape.length)
    expected.forEach((size, axis) => sameSize('ScatterND', `updates with size on axis ${axis} of`, size, updates.shape[axis]!))
    return { dtype: data.dtype, shape: data.shape }
  },
})

/** Each update replaces the element at its own place, but on `axis` at the place that its index tells. */
export const ScatterElements = defineOp('ScatterElements', {
  since: 18,
  inputs: ['data', 'indices', 'updates'],
  outputs: ['output'],
  attributes: { axis: { type: 'int', default: 0 }, reduction: { type: 'string', default: 'none' } },
  inPlace: { 0: [0] },
  infer: ([data, index, updates], { axis }) => {
    sameType('ScatterElements', data, updates)
    indices('ScatterElements', index)
    axisIndex('ScatterElements', axis, data.shape.length)
    for (const { shape } of [index, updates]) sameSize('ScatterElements', 'dimensions numbering', data.shape.length, shape.length)
    index.shape.forEach((size, at) => sameSize('ScatterElements', `updates with size on axis ${at} of`, size, updates.shape[at]!))
    return { dtype: data.dtype, shape: data.shape }
  },
})

/** The K largest along an axis, or the smallest, and where they stand. */
export const TopK = defineOp('TopK', {
  since: 11,
  inputs: ['X', 'K'],
  outputs: ['Values', 'Indices'],
  attributes: { axis: { type: 'int', default: -1 }, largest: { type: 'int', default: 1 }, sorted: { type: 'int', default: 1 } },
  infer: ([x, k], { axis }, { call }) => {
    const at = axisIndex('TopK', axis, x.shape.length)
    const shape = x.shape.with(at, k.elements?.[0] ?? `${call}[${at}]`)
    return [{ dtype: x.dtype, shape }, { dtype: 'int64', shape }]
  },
})

/** The places of the elements that are not 0, a column each: [dimensions, how many]. */
export const NonZero = defineOp('NonZero', {
  since: 13,
  inputs: ['X'],
  infer: ([x], _, { call }) => ({ dtype: 'int64', shape: [Math.max(1, x.shape.length), `${call}[1]`] }),
})

/** For each index a vector that is `values[1]` at the index and `values[0]` elsewhere. */
export const OneHot = defineOp('OneHot', {
  since: 11,
  inputs: ['indices', 'depth', 'values'],
  outputs: ['output'],
  attributes: { axis: { type: 'int', default: -1 } },
  infer: ([index, depth, values], { axis }, { call }) => {
    const at = axisIndex('OneHot', axis, index.shape.length + 1)
    return { dtype: values.dtype, shape: index.shape.toSpliced(at, 0, depth.elements?.[0] ?? `${call}[${at}]`) }
  },
})

/** The upper or lower triangle of each matrix, from the k-th diagonal on; 0 elsewhere. */
export const Trilu = defineOp('Trilu', {
  since: 14,
  inputs: ['input', 'k?'],
  outputs: ['output'],
  attributes: { upper: { type: 'int', default: 1 } },
  infer: ([x]) => {
    if (x.shape.length < 2) throw new ShapeMismatchError({ op: 'Trilu', expected: 'matrices', actual: x.shape })
    return { dtype: x.dtype, shape: x.shape }
  },
})

/** Adds to the ends of dimensions: `pads` are the amounts before all axes, then those after them; negative ones cut. */
export const Pad = defineOp('Pad', {
  since: 21,
  inputs: ['data', 'pads', 'constant_value?', 'axes?'],
  outputs: ['output'],
  attributes: { mode: { type: 'string', default: 'constant' } },
  infer: ([x, pads, , axes], _, { call }) => {
    const rank = x.shape.length
    const along = axes === undefined ? x.shape.map((__, axis) => axis) : axes.elements?.map((axis) => axisIndex('Pad', Number(axis), rank))
    const amounts = pads.elements
    if (amounts !== undefined && along !== undefined) sameSize('Pad', 'amounts numbering', 2 * along.length, amounts.length)
    const padded = (size: Dimension, axis: number): Dimension => {
      if (along === undefined || amounts === undefined) return `${call}[${axis}]`
      const index = along.indexOf(axis)
      return index < 0 ? size : [amounts[index]!, amounts[index + along.length]!].reduce(sum, size)
    }
    return { dtype: x.dtype, shape: x.shape.map(padded) }
  },
})

/** How many elements there are. */
export const Size = defineOp('Size', {
  since: 21,
  inputs: ['data'],
  outputs: ['size'],
  infer: ([x]) => ({ dtype: 'int64', shape: [], elements: [volume(x.shape)] }),
})
