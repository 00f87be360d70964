import { InvalidGraphError, ShapeMismatchError, type Dimension } from '@tenon/core'
import { MOST_DIMENSIONS } from '../call.js'
import { difference, exactQuotient, product, quotient, sum, volume } from '../dimension.js'
import { elementsOf } from '../elements.js'
import { defineOp, type HostArray, type InferContext, type ValueType } from '../op.js'
import { axisIndex, broadcast, sameSize, sameType } from '../shapes.js'
import { fromNumbers, numbers, strides } from './evaluate.js'

/** Reshaping leaves the elements in place. */
const reshaped = (x: HostArray, shape: readonly number[]): HostArray => ({ ...x, shape })

/** Sizes that only a run can tell get names of their own, made from the call that makes them. */
const unknown = ({ call }: InferContext, index: number): Dimension => `${call}[${index}]`

/** A shape of `rank` such sizes. */
const unknownShape = (context: InferContext, rank: number): Dimension[] => Array.from({ length: rank }, (_, index) => unknown(context, index))

/** How many elements a vector has, where it gives a shape. */
function lengthOf(op: string, { shape }: ValueType): number {
  const [length] = shape
  if (shape.length !== 1 || typeof length !== 'number' || length > MOST_DIMENSIONS) throw new ShapeMismatchError({ op, expected: `a shape of known length, at most ${MOST_DIMENSIONS}`, actual: shape })
  return length
}

/** A vector's elements; those of a matrix are not told apart by row, so that what cuts it cannot follow them. */
const vector = (x: ValueType): readonly Dimension[] | undefined => (x.shape.length === 1 ? x.elements : undefined)

export const Identity = defineOp('Identity', { view: true, since: 21, inputs: ['X'], infer: ([x]) => x, evaluate: ([x]) => x })

export const Shape = defineOp('Shape', {
  since: 21,
  inputs: ['data'],
  attributes: { start: { type: 'int', default: 0 }, end: { type: 'int' } },
  infer: ([x], { start, end }) => {
    const elements = x.shape.slice(start, end)
    return { dtype: 'int64', shape: [elements.length], elements }
  },
})

export const Reshape = defineOp('Reshape', {
  view: true,
  since: 21,
  inputs: ['data', 'shape'],
  attributes: { allowzero: { type: 'int', default: 0 } },
  infer: ([x, target], { allowzero }, context) => {
    const rank = lengthOf('Reshape', target)
    if (target.elements === undefined) return { dtype: x.dtype, shape: unknownShape(context, rank) }
    const copied = target.elements.map((size, index) => (size === 0 && !allowzero ? x.shape[index] ?? size : size))
    const wrong = copied.filter((size) => size === -1).length > 1 || copied.some((size) => typeof size === 'number' && size < -1)
    if (wrong || (!allowzero && x.shape.length < target.elements.lastIndexOf(0) + 1)) throw new ShapeMismatchError({ op: 'Reshape', expected: 'sizes, at most one -1, and 0 where the input has a dimension', actual: target.elements })
    const known = volume(copied.filter((size) => size !== -1))
    const total = volume(x.shape)
    if (!copied.includes(-1)) {
      if (typeof known === 'number' && typeof total === 'number' && known !== total) throw new ShapeMismatchError({ op: 'Reshape', expected: `a shape of ${total} elements`, actual: copied })
      return { dtype: x.dtype, shape: copied, elements: x.elements }
    }
    if (typeof known === 'number' && typeof total === 'number' && total % known !== 0) throw new ShapeMismatchError({ op: 'Reshape', expected: `a shape that divides ${total} elements`, actual: copied })
    const rest = exactQuotient(total, known) ?? quotient(total, known)
    return { dtype: x.dtype, shape: copied.map((size) => (size === -1 ? rest : size)), elements: x.elements }
  },
  evaluate: ([x, target], { allowzero }) => {
    const sizes = numbers(target)!.map((size, index) => (size === 0 && !allowzero ? x.shape[index]! : size))
    const known = sizes.reduce((total, size) => (size === -1 ? total : total * size), 1)
    return reshaped(x, sizes.map((size) => (size === -1 ? x.values.length / known : size)))
  },
})

export const Flatten = defineOp('Flatten', {
  view: true,
  since: 21,
  inputs: ['X'],
  attributes: { axis: { type: 'int', default: 1 } },
  infer: ([x], { axis }) => {
    const at = axis === x.shape.length ? axis : axisIndex('Flatten', axis, x.shape.length)
    return { dtype: x.dtype, shape: [volume(x.shape.slice(0, at)), volume(x.shape.slice(at))] }
  },
})

export const Transpose = defineOp('Transpose', {
  view: true,
  since: 21,
  inputs: ['X'],
  attributes: { perm: { type: 'ints' } },
  infer: ([x], { perm }) => {
    if (perm !== undefined && perm.toSorted((a, b) => a - b).some((axis, index) => axis !== index)) throw new InvalidGraphError({ graph: 'Transpose', problem: `[${perm.join(', ')}] is no permutation` })
    if (perm !== undefined && perm.length !== x.shape.length) throw new ShapeMismatchError({ op: 'Transpose', expected: `${perm.length} dimensions`, actual: x.shape })
    return { dtype: x.dtype, shape: perm?.map((axis) => x.shape[axis]!) ?? x.shape.toReversed() }
  },
  evaluate: ([x], { perm }) => {
    const list = numbers(x)
    if (list === undefined) return undefined
    const order = perm ?? x.shape.map((_, axis) => x.shape.length - 1 - axis)
    const shape = order.map((axis) => x.shape[axis]!)
    const from = strides(x.shape)
    const to = strides(shape)
    const picked = list.map((_, index) => list[order.reduce((offset, axis, position) => offset + (Math.floor(index / to[position]!) % shape[position]!) * from[axis]!, 0)]!)
    return fromNumbers(x.dtype, shape, picked)
  },
})

/** The axes of Unsqueeze and Squeeze come as an input, and must be known for shapes to be. */
function axesOf(op: string, axes: ValueType | undefined, rank: number): number[] {
  const known = axes?.elements
  if (known === undefined || known.some((axis) => typeof axis !== 'number')) throw new ShapeMismatchError({ op, expected: 'constant axes', actual: 'axes computed at run time' })
  const indices = (known as number[]).map((axis) => axisIndex(op, axis, rank))
  if (new Set(indices).size < indices.length) throw new ShapeMismatchError({ op, expected: 'each axis once', actual: known })
  return indices
}

export const Unsqueeze = defineOp('Unsqueeze', {
  view: true,
  since: 21,
  inputs: ['data', 'axes'],
  infer: ([x, axes]) => {
    const rank = x.shape.length + (axes.elements?.length ?? 0)
    const added = axesOf('Unsqueeze', axes, rank)
    const rest = [...x.shape]
    const shape = Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : rest.shift()!))
    return { dtype: x.dtype, shape, elements: x.elements }
  },
})

export const Squeeze = defineOp('Squeeze', {
  view: true,
  since: 21,
  inputs: ['data', 'axes?'],
  infer: ([x, axes]) => {
    const dropped = axes === undefined ? x.shape.flatMap((size, axis) => (size === 1 ? [axis] : [])) : axesOf('Squeeze', axes, x.shape.length)
    for (const axis of dropped) sameSize('Squeeze', 'a size of', 1, x.shape[axis]!)
    return { dtype: x.dtype, shape: x.shape.filter((_, axis) => !dropped.includes(axis)), elements: x.elements }
  },
})

export const Expand = defineOp('Expand', {
  since: 13,
  inputs: ['X', 'shape'],
  infer: ([x, target], _, context) => {
    const rank = Math.max(x.shape.length, lengthOf('Expand', target))
    return { dtype: x.dtype, shape: target.elements === undefined ? unknownShape(context, rank) : broadcast('Expand', x.shape, target.elements) }
  },
})

export const ConstantOfShape = defineOp('ConstantOfShape', {
  since: 21,
  inputs: ['shape'],
  attributes: { value: { type: 'tensor' } },
  infer: ([target], { value }, context) => {
    const shape = target.elements ?? unknownShape(context, lengthOf('ConstantOfShape', target))
    const [size] = shape
    const [element] = (value && elementsOf(value)) ?? []
    const elements = element !== undefined && shape.length === 1 && typeof size === 'number' && size <= MOST_DIMENSIONS ? Array.from({ length: size }, () => element) : undefined
    return { dtype: value?.dtype ?? 'float32', shape, elements }
  },
})

export const Range = defineOp('Range', {
  since: 11,
  inputs: ['start', 'limit', 'delta'],
  infer: ([start, limit, delta], _, context) => {
    sameType('Range', start, limit, delta)
    const [from, to, step] = [start.elements?.[0], limit.elements?.[0], delta.elements?.[0]]
    const length = from !== undefined && to !== undefined && typeof step === 'number' ? stepsIn(difference(to, from), step) : undefined
    return { dtype: start.dtype, shape: [length ?? unknown(context, 0)] }
  },
})

/** ⌈distance / step⌉, and 0 where the step leads away; a symbolic distance is taken to be no less than 0. */
function stepsIn(distance: Dimension, step: number): Dimension | undefined {
  if (step === 0) return undefined
  if (typeof distance === 'number') return Math.max(0, Math.ceil(distance / step))
  return step > 0 ? exactQuotient(distance, step) ?? quotient(sum(distance, step - 1), step) : undefined
}

export const Concat = defineOp('Concat', {
  since: 13,
  inputs: ['...inputs'],
  attributes: { axis: { type: 'int', required: true } },
  infer: (inputs, { axis }) => {
    sameType('Concat', ...inputs)
    const [first] = inputs
    const at = axisIndex('Concat', axis!, first!.shape.length)
    const shape = [...first!.shape]
    for (const { shape: other } of inputs.slice(1)) {
      if (other.length !== shape.length) throw new ShapeMismatchError({ op: 'Concat', expected: `${shape.length} dimensions`, actual: other })
      for (const [index, size] of other.entries()) {
        if (index === at) shape[index] = sum(shape[index]!, size)
        else sameSize('Concat', `size on axis ${index} of`, shape[index]!, size)
      }
    }
    const known = shape.length === 1 && inputs.every((input) => input.elements !== undefined)
    return { dtype: first!.dtype, shape, elements: known ? inputs.flatMap((input) => input.elements!) : undefined }
  },
})

export const Split = defineOp('Split', {
  since: 18,
  inputs: ['input', 'split?'],
  outputs: ['...outputs'],
  attributes: { axis: { type: 'int', default: 0 }, num_outputs: { type: 'int' } },
  infer: ([x, split], { axis, num_outputs: count }, context) => {
    const { outputs } = context
    const at = axisIndex('Split', axis, x.shape.length)
    if (split === undefined ? count !== outputs : lengthOf('Split', split) !== outputs) throw new ShapeMismatchError({ op: 'Split', expected: `the sizes of ${outputs} outputs, or their number as num_outputs`, actual: String(split?.shape[0] ?? count ?? 'neither') })
    const sizes = split === undefined ? evenly(x.shape[at]!, outputs) : split.elements ?? Array.from({ length: outputs }, (_, index) => `${unknown(context, index)}on${at}`)
    sameSize('Split', 'sizes that add up to', x.shape[at]!, sizes.reduce(sum, 0))
    return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(at, size) }))
  },
})

/** Chunks of one size, the last one smaller where that does not come out even. */
function evenly(size: Dimension, count: number): Dimension[] {
  const chunk = stepsIn(size, count)!
  const last = difference(size, product(chunk, count - 1))
  if (typeof last === 'number' && last < 0) throw new ShapeMismatchError({ op: 'Split', expected: `a size that makes ${count} chunks`, actual: `${size}` })
  return Array.from({ length: count }, (_, index) => (index < count - 1 ? chunk : last))
}

export const Slice = defineOp('Slice', {
  since: 13,
  inputs: ['data', 'starts', 'ends', 'axes?', 'steps?'],
  infer: ([x, starts, ends, axes, steps], _, context) => {
    const count = lengthOf('Slice', starts)
    for (const other of [ends, axes, steps]) if (other !== undefined) sameSize('Slice', 'starts, ends, axes and steps of length', count, lengthOf('Slice', other))
    if (axes === undefined && count > x.shape.length) throw new ShapeMismatchError({ op: 'Slice', expected: `${count} dimensions`, actual: x.shape })
    const along = axes === undefined ? Array.from({ length: count }, (_, axis) => axis) : axesOf('Slice', axes, x.shape.length)
    const shape = [...x.shape]
    let elements = vector(x)
    for (const [index, axis] of along.entries()) {
      const [start, end, step] = [starts.elements?.[index], ends.elements?.[index], steps === undefined ? 1 : steps.elements?.[index]]
      const picked = start !== undefined && end !== undefined && typeof step === 'number' ? sliceOf(x.shape[axis]!, start, end, step) : undefined
      shape[axis] = picked?.length ?? unknown(context, axis)
      const { first, length } = picked ?? {}
      elements = typeof first === 'number' && typeof length === 'number' ? elements && Array.from({ length }, (_, at) => elements![first + at * (step as number)]!) : undefined
    }
    return { dtype: x.dtype, shape, elements }
  },
})

interface Picked {
  readonly first: Dimension
  readonly length: Dimension
}

/** What a slice takes of a dimension; `undefined` where that is known only at run time. */
function sliceOf(size: Dimension, start: Dimension, end: Dimension, step: number): Picked | undefined {
  if (step === 0) throw new ShapeMismatchError({ op: 'Slice', expected: 'steps other than 0', actual: '0' })
  if (typeof size === 'number' && typeof start === 'number' && typeof end === 'number') {
    // Backwards, a slice starts at the last element at most and may end before the first.
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
    const clamp = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, low), high)
    const first = clamp(start)
    return { first, length: Math.max(0, Math.ceil((clamp(end) - first) / step)) }
  }
  if (step !== 1) return undefined
  // With symbols, a slice is taken to lie inside what it cuts. "To the end" is written as a huge number.
  const resolve = (position: Dimension): Dimension => (typeof position === 'string' ? position : position < 0 ? sum(size, position) : position >= 0x7fffffff ? size : position)
  const first = resolve(start)
  const length = difference(resolve(end), first)
  return { first, length: typeof length === 'number' ? Math.max(0, length) : length }
}

export const Gather = defineOp('Gather', {
  since: 13,
  inputs: ['data', 'indices'],
  attributes: { axis: { type: 'int', default: 0 } },
  infer: ([x, indices], { axis }) => {
    const at = axisIndex('Gather', axis, x.shape.length)
    const picked = indices.elements?.map((index) => (typeof index === 'number' ? vector(x)?.at(index) : undefined))
    const elements = picked?.every((element) => element !== undefined) ? picked : undefined
    return { dtype: x.dtype, shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)], elements }
  },
})

export const GatherElements = defineOp('GatherElements', {
  since: 13,
  inputs: ['data', 'indices'],
  attributes: { axis: { type: 'int', default: 0 } },
  infer: ([x, indices], { axis }) => {
    axisIndex('GatherElements', axis, x.shape.length)
    if (indices.shape.length !== x.shape.length) throw new ShapeMismatchError({ op: 'GatherElements', expected: `indices of ${x.shape.length} dimensions`, actual: indices.shape })
    return { dtype: x.dtype, shape: indices.shape }
  },
})

export const Tile = defineOp('Tile', {
  since: 13,
  inputs: ['input', 'repeats'],
  infer: ([x, repeats], _, context) => {
    sameSize('Tile', 'a number of repeats that is', x.shape.length, lengthOf('Tile', repeats))
    return { dtype: x.dtype, shape: x.shape.map((size, axis) => (repeats.elements ? product(size, repeats.elements[axis]!) : unknown(context, axis))) }
  },
})
