import { allocate, viewAs, type Constant } from '@tenon/core'
import { widen, type HostArray } from '../carrier.js'
import { indicesWithin } from '../indices.js'
import { hostOp } from '../op.js'
import { Refusal } from '../refusal.js'
import { axisOf, broadcastShape, cutsOf, flattened, integersOf, reshapedTo, sizeOf, splitSizes, squeezed, stridesOf, unsqueezed } from '../shapes.js'
import { offsetsInto, offsetsWithin } from './broadcast.js'
import { isWide } from './elementwise.js'

/** The elements at the given places of another array, in a new shape. */
export function picked(x: HostArray, shape: readonly number[], placeOf: (index: number) => number): HostArray {
  const values = allocate(x.dtype, sizeOf(shape))
  for (let index = 0; index < values.length; index++) values[index] = x.values[placeOf(index)]!
  return { dtype: x.dtype, shape, values }
}

/** The elements stay where they are. */
const seenAs = (x: HostArray, shape: readonly number[]): HostArray => ({ dtype: x.dtype, shape, values: x.values })

const vector = (list: readonly number[]): HostArray => ({ dtype: 'int64', shape: [list.length], values: BigInt64Array.from(list, BigInt) })

export const Identity = hostOp<[HostArray]>({ run: ([x]) => x })

export const Shape = hostOp<[HostArray], { start: number; end?: number }>({ shapes: [0], run: ([x], { start, end }) => vector(x.shape.slice(start, end)) })

export const Size = hostOp<[HostArray]>({ shapes: [0], run: ([x]) => ({ ...vector([sizeOf(x.shape)]), shape: [] }) })

export const Reshape = hostOp<[HostArray, HostArray], { allowzero: number }>({ run: ([x, target], { allowzero }) => seenAs(x, reshapedTo(x.shape, integersOf(target), allowzero)) })

export const Flatten = hostOp<[HostArray], { axis: number }>({ run: ([x], { axis }) => seenAs(x, flattened(x.shape, axis)) })

export const Unsqueeze = hostOp<[HostArray, HostArray]>({ run: ([x, axes]) => seenAs(x, unsqueezed(x.shape, integersOf(axes))) })

export const Squeeze = hostOp<[HostArray, HostArray?]>({ run: ([x, axes]) => seenAs(x, squeezed(x.shape, axes && integersOf(axes))) })

export const Transpose = hostOp<[HostArray], { perm?: readonly number[] }>({
  run: ([x], { perm = x.shape.map((_, axis) => x.shape.length - 1 - axis) }) => {
    const shape = perm.map((axis) => x.shape[axis]!)
    const strides = stridesOf(x.shape)
    return picked(x, shape, offsetsWithin(shape, perm.map((axis) => strides[axis]!)))
  },
})

export const Expand = hostOp<[HostArray, HostArray]>({
  run: ([x, target]) => {
    const shape = broadcastShape(x.shape, integersOf(target))
    return picked(x, shape, offsetsInto(x.shape, shape))
  },
})

export const ConstantOfShape = hostOp<[HostArray], { value?: Constant }>({
  run: ([target], { value }, { types: [dtype] }) => {
    const shape = integersOf(target)
    const values = allocate(dtype!, sizeOf(shape))
    if (value !== undefined) values.fill(elementOf(value) as never)
    return { dtype: dtype!, shape, values }
  },
})

/** The one element of an attribute. */
export const elementOf = ({ dtype, inline }: Constant): number | bigint => widen(dtype, [1], viewAs(dtype, inline!)).values[0]!

export const Range = hostOp<[HostArray, HostArray, HostArray]>({
  run: ([start, limit, delta]) => {
    const [from, to, step] = [start, limit, delta].map(({ values }) => Number(values[0])) as [number, number, number]
    if (step === 0) throw new Refusal('gets steps of 0', 'feed another step')
    const values = allocate(start.dtype, Math.max(0, Math.ceil((to - from) / step)))
    for (let index = 0; index < values.length; index++) values[index] = isWide(start.dtype) ? BigInt(from + index * step) : from + index * step
    return { dtype: start.dtype, shape: [values.length], values }
  },
})

export const Concat = hostOp<HostArray[], { axis: number }>({
  run: (inputs, { axis }) => {
    const [first] = inputs as [HostArray]
    const at = axisOf(axis, first.shape.length)
    const shape = first.shape.with(at, inputs.reduce((total, x) => total + x.shape[at]!, 0))
    const values = allocate(first.dtype, sizeOf(shape))
    const rows = sizeOf(shape.slice(0, at))
    const whole = sizeOf(shape.slice(at))
    let column = 0
    for (const x of inputs) {
      const width = sizeOf(x.shape.slice(at))
      for (let row = 0; row < rows; row++) values.set(x.values.subarray(row * width, (row + 1) * width) as never, row * whole + column)
      column += width
    }
    return { dtype: first.dtype, shape, values }
  },
})

/** The elements from `start` on along an axis, `length` of them, each `step` from the last. */
function cut(x: HostArray, { axis, start, length, step }: { readonly axis: number; readonly start: number; readonly length: number; readonly step: number }): HostArray {
  const shape = x.shape.with(axis, length)
  const inner = sizeOf(shape.slice(axis + 1))
  return picked(x, shape, (index) => {
    const row = Math.floor(index / inner)
    return (Math.floor(row / length) * x.shape[axis]! + start + (row % length) * step) * inner + (index % inner)
  })
}

export const Slice = hostOp<[HostArray, HostArray, HostArray, HostArray?, HostArray?]>({
  run: ([x, starts, ends, axes, steps]) => cutsOf(x.shape, integersOf(starts), integersOf(ends), axes && integersOf(axes), steps && integersOf(steps)).reduce(cut, x),
})

export const Split = hostOp<[HostArray, HostArray?], { axis: number }>({
  run: ([x, split], { axis }, { types }) => {
    const at = axisOf(axis, x.shape.length)
    let start = 0
    return splitSizes(x.shape[at]!, split && integersOf(split), types.length).map((length) => {
      start += length
      return cut(x, { axis: at, start: start - length, length, step: 1 })
    })
  },
})

export const Gather = hostOp<[HostArray, HostArray], { axis: number }>({
  run: ([x, indices], { axis }) => {
    const at = axisOf(axis, x.shape.length)
    const places = indicesWithin(indices, x.shape[at]!)
    const inner = sizeOf(x.shape.slice(at + 1))
    return picked(x, [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)], (index) => {
      const row = Math.floor(index / inner)
      return (Math.floor(row / places.length) * x.shape[at]! + places[row % places.length]!) * inner + (index % inner)
    })
  },
})

export const GatherElements = hostOp<[HostArray, HostArray], { axis: number }>({
  run: ([x, indices], { axis }) => {
    const places = placesAlong(x.shape, indices, axis)
    return picked(x, indices.shape, (index) => places[index]!)
  },
})

/** Where each index of GatherElements and ScatterElements points into the data: at its own place, but on the axis at what it tells. */
export function placesAlong(shape: readonly number[], indices: HostArray, axis: number): Int32Array {
  const at = axisOf(axis, shape.length)
  const places = indicesWithin(indices, shape[at]!)
  const stride = stridesOf(shape)[at]!
  const ownPlace = offsetsWithin(indices.shape, stridesOf(shape).with(at, 0))
  for (let index = 0; index < places.length; index++) places[index] = places[index]! * stride + ownPlace()
  return places
}

export const Tile = hostOp<[HostArray, HostArray]>({
  run: ([x, repeats]) => {
    const shape = integersOf(repeats).map((count, axis) => x.shape[axis]! * count)
    const [own, all] = [stridesOf(x.shape), stridesOf(shape)]
    return picked(x, shape, (index) => x.shape.reduce((place, size, axis) => place + ((Math.floor(index / all[axis]!) % shape[axis]!) % size) * own[axis]!, 0))
  },
})
