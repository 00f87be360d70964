import { allocate } from '@tenon/core'
import type { HostArray } from '../carrier.js'
import { indicesWithin } from '../indices.js'
import { hostOp } from '../op.js'
import { Refusal } from '../refusal.js'
import { axisOf, integersOf, sizeOf, stridesOf } from '../shapes.js'
import { isWide, scalarOf } from './elementwise.js'
import { picked, placesAlong } from './movement.js'

type Element = number | bigint

/** How an update and what was there make what is there. */
const combinations: Readonly<Record<string, (held: never, update: never) => Element>> = {
  none: (_, update) => update,
  add: (held: number, update: number) => held + update,
  mul: (held: number, update: number) => held * update,
  max: (held: number, update: number) => (update > held ? update : held),
  min: (held: number, update: number) => (update < held ? update : held),
}

/** Where each row of indices points: the first element of a slice of the data, whose first `batch` dimensions the indices share. */
export function slicesAt(shape: readonly number[], indices: HostArray, batch = 0): { readonly starts: Int32Array; readonly size: number } {
  const depth = indices.shape.at(-1)!
  const strides = stridesOf(shape)
  const columns = Array.from({ length: depth }, (_, column) => indicesWithin(picked(indices, indices.shape.slice(0, -1), (row) => row * depth + column), shape[batch + column]!))
  const rows = sizeOf(indices.shape.slice(0, -1))
  const perBatch = rows / Math.max(1, sizeOf(shape.slice(0, batch)))
  const batchSize = sizeOf(shape.slice(batch))
  const starts = Int32Array.from({ length: rows }, (_, row) => columns.reduce((place, column, each) => place + column[row]! * strides[batch + each]!, Math.floor(row / perBatch) * batchSize))
  return { starts, size: sizeOf(shape.slice(batch + depth)) }
}

export const GatherND = hostOp<[HostArray, HostArray], { batch_dims: number }>({
  run: ([x, indices], { batch_dims: batch }) => {
    const { starts, size } = slicesAt(x.shape, indices, batch)
    return picked(x, [...indices.shape.slice(0, -1), ...x.shape.slice(batch + indices.shape.at(-1)!)], (index) => starts[Math.floor(index / size)]! + (index % size))
  },
})

function scattered(x: HostArray, updates: HostArray, reduction: string, placeOf: (index: number) => number): HostArray {
  const combine = combinations[reduction]
  if (combine === undefined) throw new Refusal(`has the reduction '${reduction}'`, `use one of: ${Object.keys(combinations).join(', ')}`)
  const values = x.values.slice()
  for (let index = 0; index < updates.values.length; index++) {
    const place = placeOf(index)
    values[place] = combine(values[place] as never, updates.values[index] as never)
  }
  return { dtype: x.dtype, shape: x.shape, values }
}

export const ScatterND = hostOp<[HostArray, HostArray, HostArray], { reduction: string }>({
  run: ([x, indices, updates], { reduction }) => {
    const { starts, size } = slicesAt(x.shape, indices)
    return scattered(x, updates, reduction, (index) => starts[Math.floor(index / size)]! + (index % size))
  },
})

export const ScatterElements = hostOp<[HostArray, HostArray, HostArray], { axis: number; reduction: string }>({
  run: ([x, indices, updates], { axis, reduction }) => {
    const places = placesAlong(x.shape, indices, axis)
    return scattered(x, updates, reduction, (index) => places[index]!)
  },
})

/** Of equal ones the first comes first; what is no number counts as largest. */
export const TopK = hostOp<[HostArray, HostArray], { axis: number; largest: number }>({
  run: ([x, k], { axis, largest }) => {
    const at = axisOf(axis, x.shape.length)
    const [size, inner, count] = [x.shape[at]!, sizeOf(x.shape.slice(at + 1)), scalarOf(k)]
    if (count > size) throw new Refusal(`is asked for ${count} of ${size} elements`, 'feed a smaller k')
    const shape = x.shape.with(at, count)
    const [values, places] = [allocate(x.dtype, sizeOf(shape)), new BigInt64Array(sizeOf(shape))]
    const before = (a: Element, b: Element) => (largest ? a > b || (a !== a && b === b) : a < b || (b !== b && a === a))
    for (let line = 0; line < values.length / Math.max(1, count); line++) {
      const [outer, rest] = [Math.floor(line / inner), line % inner]
      const valueAt = (index: number) => x.values[(outer * size + index) * inner + rest]!
      const order = Array.from({ length: size }, (_, index) => index).toSorted((a, b) => (before(valueAt(a), valueAt(b)) ? -1 : before(valueAt(b), valueAt(a)) ? 1 : a - b))
      for (let index = 0; index < count; index++) {
        const place = (outer * count + index) * inner + rest
        values[place] = valueAt(order[index]!)
        places[place] = BigInt(order[index]!)
      }
    }
    return [{ dtype: x.dtype, shape, values }, { dtype: 'int64', shape, values: places }]
  },
})

export const NonZero = hostOp<[HostArray]>({
  run: ([x]) => {
    const rank = Math.max(1, x.shape.length)
    const strides = x.shape.length === 0 ? [1] : stridesOf(x.shape)
    const sizes = x.shape.length === 0 ? [1] : x.shape
    const found = Array.from(x.values as ArrayLike<Element>).flatMap((value, index) => (value ? [index] : []))
    const values = new BigInt64Array(rank * found.length)
    for (const [column, index] of found.entries()) for (let axis = 0; axis < rank; axis++) values[axis * found.length + column] = BigInt(Math.floor(index / strides[axis]!) % sizes[axis]!)
    return { dtype: 'int64', shape: [rank, found.length], values }
  },
})

/** The shape of OneHot's result, and where the ones stand in it; an index outside the depth has none. */
export function onesOf(indices: HostArray, depth: number, axis: number): { readonly shape: readonly number[]; readonly places: Int32Array } {
  const shape = indices.shape.toSpliced(axis, 0, depth)
  const inner = sizeOf(shape.slice(axis + 1))
  const places = new Int32Array(indices.values.length)
  let count = 0
  for (let index = 0; index < places.length; index++) {
    const told = axisOf(Number(indices.values[index]), depth)
    if (told >= 0 && told < depth) places[count++] = (Math.floor(index / inner) * depth + told) * inner + (index % inner)
  }
  return { shape, places: places.subarray(0, count) }
}

export const OneHot = hostOp<[HostArray, HostArray, HostArray], { axis: number }>({
  run: ([indices, depth, { dtype, values: pair }], { axis }) => {
    const { shape, places } = onesOf(indices, scalarOf(depth), axisOf(axis, indices.shape.length + 1))
    const values = allocate(dtype, sizeOf(shape)).fill(pair[0] as never)
    for (const place of places) values[place] = pair[1]!
    return { dtype, shape, values }
  },
})

/** Whether an element is in the triangle that Trilu keeps. */
export function triangle(rows: number, columns: number, k: number, upper: number): Uint8Array {
  return Uint8Array.from({ length: rows * columns }, (_, index) => {
    const diagonal = (index % columns) - Math.floor(index / columns)
    return Number(upper ? diagonal >= k : diagonal <= k)
  })
}

export const Trilu = hostOp<[HostArray, HostArray?], { upper: number }>({
  run: ([x, k], { upper }) => {
    const [rows, columns] = x.shape.slice(-2) as [number, number]
    const keeps = triangle(rows, columns, k === undefined ? 0 : scalarOf(k), upper)
    const values = x.values.slice()
    for (let index = 0; index < values.length; index++) if (!keeps[index % keeps.length]) values[index] = isWide(x.dtype) ? 0n : 0
    return { dtype: x.dtype, shape: x.shape, values }
  },
})

/** How much Pad adds before and after each axis. */
export function paddings(rank: number, pads: HostArray, axes: HostArray | undefined): [number, number][] {
  const amounts = integersOf(pads)
  const along = axes === undefined ? Array.from({ length: rank }, (_, axis) => axis) : integersOf(axes).map((axis) => axisOf(axis, rank))
  return Array.from({ length: rank }, (_, axis) => {
    const index = along.indexOf(axis)
    return index < 0 ? [0, 0] : [amounts[index]!, amounts[index + along.length]!]
  })
}

/** Where a place outside the data takes its element from. */
const sources: Readonly<Record<string, (place: number, size: number) => number>> = {
  constant: (place, size) => (place < 0 || place >= size ? -1 : place),
  edge: (place, size) => Math.min(Math.max(place, 0), size - 1),
  wrap: (place, size) => ((place % size) + size) % size,
  reflect: (place, size) => {
    if (size === 1) return 0
    const period = 2 * (size - 1)
    const turned = ((place % period) + period) % period
    return turned < size ? turned : period - turned
  },
}

export const Pad = hostOp<[HostArray, HostArray, HostArray?, HostArray?], { mode: string }>({
  run: ([x, pads, value, axes], { mode }) => {
    const source = sources[mode]
    if (source === undefined) throw new Refusal(`has the mode '${mode}'`, `use one of: ${Object.keys(sources).join(', ')}`)
    const amounts = paddings(x.shape.length, pads, axes)
    const shape = x.shape.map((size, axis) => size + amounts[axis]![0] + amounts[axis]![1])
    const [from, to] = [stridesOf(x.shape), stridesOf(shape)]
    const values = allocate(x.dtype, sizeOf(shape))
    const filler = value?.values[0] ?? (isWide(x.dtype) ? 0n : 0)
    for (let index = 0; index < values.length; index++) {
      let place = 0
      for (let axis = 0; axis < shape.length && place >= 0; axis++) {
        const told = source((Math.floor(index / to[axis]!) % shape[axis]!) - amounts[axis]![0], x.shape[axis]!)
        place = told < 0 ? -1 : place + told * from[axis]!
      }
      values[index] = place < 0 ? filler : x.values[place]!
    }
    return { dtype: x.dtype, shape, values }
  },
})
