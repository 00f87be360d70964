import { InvalidGraphError, ShapeMismatchError, type Dimension } from '@tenon/core'
import { difference, exactQuotient, product, quotient, sum, volume } from '../dimension.js'
import { defineOp, type HostArray, type ValueType } from '../op.js'
import { axisIndex, broadcast, sameSize, sameType } from '../shapes.js'
import { fromNumbers, numbers, strides } from './evaluate.js'

/** Reshaping leaves the elements in place. */
const reshaped = (x: HostArray, shape: readonly number[]): HostArray => ({ ...x, shape })

/** Sizes that only a run can tell get names of their own, made from the op's. */
const unknown = (op: string, x: ValueType, index: number): Dimension => `${op.toLowerCase()}${index}(${x.shape.join(',')})`

export const Identity = defineOp('Identity', { since: 21, inputs: ['X'], infer: ([x]) => x, evaluate: ([x]) => x })

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
  since: 21,
  inputs: ['data', 'shape'],
  attributes: { allowzero: { type: 'int', default: 0 } },
  infer: ([x, target], { allowzero }) => {
    if (target.elements === undefined) {
      const [rank] = target.shape
      if (typeof rank !== 'number') throw new ShapeMismatchError({ op: 'Reshape', expected: 'a shape of known length', actual: target.shape })
      return { dtype: x.dtype, shape: Array.from({ length: rank }, (_, index) => unknown('Reshape', x, index)) }
    }
    const copied = target.elements.map((size, index) => (size === 0 && !allowzero ? x.shape[index]! : size))
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
  since: 21,
  inputs: ['X'],
  attributes: { axis: { type: 'int', default: 1 } },
  infer: ([x], { axis }) => {
    const at = axis < 0 ? axis + x.shape.length : axis
    return { dtype: x.dtype, shape: [volume(x.shape.slice(0, at)), volume(x.shape.slice(at))] }
  },
})

export const Transpose = defineOp('Transpose', {
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
  return (known as number[]).map((axis) => axisIndex(op, axis, rank))
}

export const Unsqueeze = defineOp('Unsqueeze', {
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
  infer: ([x, target]) => ({ dtype: x.dtype, shape: target.elements === undefined ? Array.from({ length: Number(target.shape[0]) }, (_, index) => unknown('Expand', x, index)) : broadcast('Expand', x.shape, target.elements) }),
})

export const ConstantOfShape = defineOp('ConstantOfShape', {
  since: 21,
  inputs: ['shape'],
  attributes: { value: { type: 'tensor' } },
  infer: ([target], { value }) => ({ dtype: value?.dtype ?? 'float32', shape: target.elements ?? Array.from({ length: Number(target.shape[0]) }, (_, index) => unknown('ConstantOfShape', target, index)) }),
})

export const Range = defineOp('Range', {
  since: 11,
  inputs: ['start', 'limit', 'delta'],
  infer: ([start, limit, delta]) => {
    sameType('Range', start, limit, delta)
    const [from, to, step] = [start.elements?.[0], limit.elements?.[0], delta.elements?.[0]]
    const length = from !== undefined && to !== undefined && step !== undefined ? quotient(difference(sum(to, step), sum(from, 1)), step) : unknown('Range', limit, 0)
    return { dtype: start.dtype, shape: [length] }
  },
})

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
  infer: ([x, split], { axis }, { outputs }) => {
    const at = axisIndex('Split', axis, x.shape.length)
    const sizes = split === undefined ? Array.from({ length: outputs }, () => quotient(x.shape[at]!, outputs)) : split.elements
    return Array.from({ length: outputs }, (_, index) => ({ dtype: x.dtype, shape: x.shape.with(at, sizes?.[index] ?? unknown('Split', x, index)) }))
  },
})

export const Slice = defineOp('Slice', {
  since: 13,
  inputs: ['data', 'starts', 'ends', 'axes?', 'steps?'],
  infer: ([x, starts, ends, axes, steps]) => {
    const along = axes === undefined ? x.shape.map((_, axis) => axis) : axesOf('Slice', axes, x.shape.length)
    const shape = [...x.shape]
    let elements = x.elements
    for (const [index, axis] of along.entries()) {
      const range = sliceOf(x.shape[axis]!, starts.elements?.[index], ends.elements?.[index], steps === undefined ? 1 : steps.elements?.[index])
      if (range === undefined) {
        shape[axis] = unknown('Slice', x, axis)
        elements = undefined
        continue
      }
      shape[axis] = range.length
      if (typeof range.start !== 'number' || typeof range.length !== 'number' || range.step !== 1) elements = undefined
      else elements = elements?.slice(range.start, range.start + range.length)
    }
    return { dtype: x.dtype, shape, elements }
  },
})

/** How many elements a slice takes, and from where; `undefined` where that is known only at run time. */
function sliceOf(size: Dimension, start: Dimension | undefined, end: Dimension | undefined, step: Dimension | undefined): { start: Dimension; length: Dimension; step: number } | undefined {
  if (start === undefined || end === undefined || step !== 1) return undefined
  const resolve = (position: Dimension): Dimension => {
    if (typeof position !== 'number') return position
    if (position < 0) return sum(size, position)
    return typeof size === 'number' ? Math.min(position, size) : position >= 0x7fffffff ? size : position // "to the end" is written as a huge number
  }
  const [from, to] = [resolve(start), resolve(end)]
  const length = difference(to, from)
  return { start: from, length: typeof length === 'number' ? Math.max(0, length) : length, step }
}

export const Gather = defineOp('Gather', {
  since: 13,
  inputs: ['data', 'indices'],
  attributes: { axis: { type: 'int', default: 0 } },
  infer: ([x, indices], { axis }) => {
    const at = axisIndex('Gather', axis, x.shape.length)
    const picked = x.elements && indices.elements?.every((index) => typeof index === 'number') ? (indices.elements as number[]).map((index) => x.elements!.at(index)!) : undefined
    return { dtype: x.dtype, shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)], elements: picked }
  },
})

export const GatherElements = defineOp('GatherElements', {
  since: 13,
  inputs: ['data', 'indices'],
  attributes: { axis: { type: 'int', default: 0 } },
  infer: ([x, indices]) => ({ dtype: x.dtype, shape: indices.shape }),
})

export const Tile = defineOp('Tile', {
  since: 13,
  inputs: ['input', 'repeats'],
  infer: ([x, repeats]) => ({ dtype: x.dtype, shape: x.shape.map((size, axis) => (repeats.elements ? product(size, repeats.elements[axis]!) : unknown('Tile', x, axis))) }),
})
