import type { HostArray } from '../carrier.js'
import { freeing, type Device } from '../device.js'
import { onesOf, paddings, slicesAt, triangle } from '../host/indexing.js'
import { placesAlong } from '../host/movement.js'
import { scalarOf } from '../host/elementwise.js'
import { carried, deviceOp, floats } from '../op.js'
import { axisOf, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'
import { selected } from './elementwise.js'
import { gathered, sliced } from './movement.js'

/** Slices of a tensor, one behind another: [slices, size], told by where they start. */
function rowsAt(device: Device, x: DeviceTensor, starts: Int32Array, size: number, shape: readonly number[]): DeviceTensor {
  const rows = device.reshape(x, [sizeOf(x.shape) / size, size])
  const picked = freeing([rows], () => gathered(device, rows, starts.map((start) => start / size), [starts.length], 0))
  return freeing([picked], () => device.reshape(picked, shape))
}

export const GatherND = deviceOp<[DeviceTensor, HostArray], { batch_dims: number }>({
  types: carried,
  host: [1],
  run: (device, [x, indices], { batch_dims: batch }) => {
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + indices.shape.at(-1)!)]
    if (sizeOf(shape) === 0) return device.full(shape, 0, x.dtype)
    const { starts, size } = slicesAt(x.shape, indices, batch)
    return rowsAt(device, x, starts, size, shape)
  },
})

/** The data with rows of `size` elements set, or added to, where `starts` tell. */
function scattered(device: Device, x: DeviceTensor, starts: Int32Array, size: number, updates: DeviceTensor, reduction: string): DeviceTensor {
  if (starts.length === 0 || size === 0) return device.share(x)
  const places = device.upload(starts.map((start) => start / size), [starts.length, 1], 'int32')
  const [rows, rowUpdates] = [device.reshape(x, [sizeOf(x.shape) / size, size]), device.reshape(updates, [starts.length, size])]
  const made = freeing([places, rows, rowUpdates], () => {
    if (reduction === 'none') return device.run('TensorScatterUpdate', { tensor: rows, indices: places, updates: rowUpdates })
    const sums = device.run('ScatterNd', { indices: places, updates: rowUpdates }, { shape: rows.shape })
    return freeing([sums], () => device.run('Add', { a: rows, b: sums }))
  })
  return freeing([made], () => device.reshape(made, x.shape))
}

/** The other reductions have no kernel. */
const scatters = { types: floats, host: [1], accepts: (_: unknown, __: unknown, { reduction }: { reduction: string }) => reduction === 'none' || reduction === 'add' } as const

export const ScatterND = deviceOp<[DeviceTensor, HostArray, DeviceTensor], { reduction: string }>({
  ...scatters,
  run: (device, [x, indices, updates], { reduction }) => {
    const { starts, size } = slicesAt(x.shape, indices)
    return scattered(device, x, starts, size, updates, reduction)
  },
})

export const ScatterElements = deviceOp<[DeviceTensor, HostArray, DeviceTensor], { axis: number; reduction: string }>({
  ...scatters,
  run: (device, [x, indices, updates], { axis, reduction }) => scattered(device, x, placesAlong(x.shape, indices, axis), 1, updates, reduction),
})

/** Scattered: WebAssembly's own kernel writes integers into floats, and outside its memory for an index outside the depth. */
export const OneHot = deviceOp<[HostArray, HostArray, HostArray], { axis: number }>({
  types: floats,
  host: [0, 1, 2],
  run: (device, [indices, depth, { values }], { axis }) => {
    const [off, on] = Array.from(values as Float32Array)
    const { shape, places } = onesOf(indices, scalarOf(depth), axisOf(axis, indices.shape.length + 1))
    const [base, ones] = [device.full(shape, off!), device.full([places.length], on!)]
    return freeing([base, ones], () => scattered(device, base, places, 1, ones, 'none'))
  },
})

export const Trilu = deviceOp<[DeviceTensor, HostArray | undefined], { upper: number }>({
  types: floats,
  host: [1],
  run: (device, [x, k], { upper }) => {
    if (sizeOf(x.shape) === 0) return device.share(x)
    const [rows, columns] = x.shape.slice(-2) as [number, number]
    const keeps = device.upload(triangle(rows, columns, k === undefined ? 0 : scalarOf(k), upper), [rows, columns], 'bool')
    const zero = device.full([], 0)
    return freeing([keeps, zero], () => selected(device, keeps, x, zero))
  },
})

/** With one number all around; the other modes are copied in JavaScript. */
export const Pad = deviceOp<[DeviceTensor, HostArray, HostArray | undefined, HostArray | undefined], { mode: string }>({
  types: floats,
  host: [1, 2, 3],
  accepts: (_, __, { mode }) => mode === 'constant',
  run: (device, [x, pads, value, axes]) => {
    const amounts = paddings(x.shape.length, pads, axes)
    const cut = sliced(device, x, amounts.map(([before]) => Math.max(0, -before)), x.shape.map((size, axis) => size + Math.min(0, amounts[axis]![0]) + Math.min(0, amounts[axis]![1])))
    const padded = amounts.map((pair) => pair.map((amount) => Math.max(0, amount)))
    return freeing([cut], () => {
      if (sizeOf(cut.shape) === 0) return device.full(cut.shape.map((size, axis) => size + padded[axis]![0]! + padded[axis]![1]!), value === undefined ? 0 : Number(value.values[0]))
      return device.run('PadV2', { x: cut }, { paddings: padded, constantValue: value === undefined ? 0 : Number(value.values[0]) })
    })
  },
})
