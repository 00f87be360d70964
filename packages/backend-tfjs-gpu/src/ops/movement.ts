import type { Constant } from '@tenon/core'
import type { HostArray } from '../carrier.js'
import { freeing, type Device } from '../device.js'
import { elementOf, placesAlong } from '../host/movement.js'
import { indicesWithin } from '../indices.js'
import { carried, deviceOp, floats } from '../op.js'
import { axisOf, broadcastShape, cutsOf, flattened, integersOf, reshapedTo, sizeOf, splitSizes, squeezed, unsqueezed } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'
import { expanded } from './broadcast.js'

export const Identity = deviceOp<[DeviceTensor]>({ types: carried, run: (device, [x]) => device.share(x) })

export const Reshape = deviceOp<[DeviceTensor, HostArray], { allowzero: number }>({ types: carried, host: [1], run: (device, [x, target], { allowzero }) => device.reshape(x, reshapedTo(x.shape, integersOf(target), allowzero)) })

export const Flatten = deviceOp<[DeviceTensor], { axis: number }>({ types: carried, run: (device, [x], { axis }) => device.reshape(x, flattened(x.shape, axis)) })

export const Unsqueeze = deviceOp<[DeviceTensor, HostArray]>({ types: carried, host: [1], run: (device, [x, axes]) => device.reshape(x, unsqueezed(x.shape, integersOf(axes))) })

export const Squeeze = deviceOp<[DeviceTensor, HostArray | undefined]>({ types: carried, host: [1], run: (device, [x, axes]) => device.reshape(x, squeezed(x.shape, axes && integersOf(axes))) })

export const Transpose = deviceOp<[DeviceTensor], { perm?: readonly number[] }>({
  types: carried,
  run: (device, [x], { perm = x.shape.map((_, axis) => x.shape.length - 1 - axis) }) => transposed(device, x, perm),
})

export function transposed(device: Device, x: DeviceTensor, perm: readonly number[]): DeviceTensor {
  if (x.shape.length < 2) return device.share(x)
  return sizeOf(x.shape) === 0 ? device.full(perm.map((axis) => x.shape[axis]!), 0, x.dtype) : device.run('Transpose', { x }, { perm: [...perm] })
}

export const Expand = deviceOp<[DeviceTensor, HostArray]>({ types: carried, host: [1], run: (device, [x, target]) => expanded(device, x, broadcastShape(x.shape, integersOf(target))) })

export const ConstantOfShape = deviceOp<[HostArray], { value?: Constant }>({
  types: floats,
  host: [0],
  run: (device, [target], { value }) => device.full(integersOf(target), value === undefined ? 0 : Number(elementOf(value))),
})

export const Concat = deviceOp<DeviceTensor[], { axis: number }>({
  types: carried,
  run: (device, inputs, { axis }) => {
    const at = axisOf(axis, inputs[0]!.shape.length)
    const full = inputs.filter(({ shape }) => sizeOf(shape) > 0)
    if (full.length > 1) return device.run('Concat', full, { axis: at })
    return device.reshape(full[0] ?? inputs[0]!, inputs[0]!.shape.with(at, inputs.reduce((total, { shape }) => total + shape[at]!, 0)))
  },
})

/** What lies in a box. */
export function sliced(device: Device, x: DeviceTensor, begin: readonly number[], size: readonly number[]): DeviceTensor {
  return sizeOf(size) === 0 ? device.full(size, 0, x.dtype) : device.run('Slice', { x }, { begin: [...begin], size: [...size] })
}

export const Slice = deviceOp<[DeviceTensor, HostArray, HostArray, HostArray | undefined, HostArray | undefined]>({
  types: carried,
  host: [1, 2, 3, 4],
  run: (device, [x, starts, ends, axes, steps]) => {
    const cuts = cutsOf(x.shape, integersOf(starts), integersOf(ends), axes && integersOf(axes), steps && integersOf(steps))
    const [begin, size] = [x.shape.map(() => 0), [...x.shape]]
    for (const { axis, start, length, step } of cuts) if (step === 1) [begin[axis], size[axis]] = [start, length]
    const box = sliced(device, x, begin, size)
    // Steps other than 1 pick rows one by one.
    return cuts.filter(({ step }) => step !== 1).reduce((result, { axis, start, length, step }) => freeing([result], () => gathered(device, result, Int32Array.from({ length }, (_, index) => start + index * step), [length], axis)), box)
  },
})

export const Split = deviceOp<[DeviceTensor, HostArray | undefined], { axis: number }>({
  types: carried,
  host: [1],
  run: (device, [x, split], { axis }, { types }) => {
    const at = axisOf(axis, x.shape.length)
    let start = 0
    return splitSizes(x.shape[at]!, split && integersOf(split), types.length).map((length) => {
      start += length
      return sliced(device, x, x.shape.map((_, each) => (each === at ? start - length : 0)), x.shape.with(at, length))
    })
  },
})

/** The slices of an axis that indices, all within it, tell. */
export function gathered(device: Device, x: DeviceTensor, indices: Int32Array, indexShape: readonly number[], axis: number): DeviceTensor {
  const shape = [...x.shape.slice(0, axis), ...indexShape, ...x.shape.slice(axis + 1)]
  if (sizeOf(shape) === 0) return device.full(shape, 0, x.dtype)
  if (device.memory !== undefined) return device.own(copiedRows(device.memory, x, indices, shape, axis))
  const places = device.upload(indices, indexShape, 'int32')
  return freeing([places], () => device.run('GatherV2', { x, indices: places }, { axis, batchDims: 0 }))
}

/** In WebAssembly the kernel goes element by element; rows are copied whole here. */
function copiedRows(memory: NonNullable<Device['memory']>, x: DeviceTensor, indices: Int32Array, shape: readonly number[], axis: number) {
  const result = memory.make(shape, x.dtype)
  const [from, to] = [memory.view(x), memory.view(result)]
  const [outer, size, width] = [sizeOf(x.shape.slice(0, axis)), x.shape[axis]!, sizeOf(x.shape.slice(axis + 1))]
  let place = 0
  for (let row = 0; row < outer; row++) {
    for (const index of indices) {
      const start = (row * size + index) * width
      if (width === 1) to[place] = from[start]!
      else to.set(from.subarray(start, start + width), place)
      place += width
    }
  }
  return result
}

export const Gather = deviceOp<[DeviceTensor, HostArray], { axis: number }>({
  types: carried,
  host: [1],
  run: (device, [x, indices], { axis }) => {
    const at = axisOf(axis, x.shape.length)
    return gathered(device, x, indicesWithin(indices, x.shape[at]!), indices.shape, at)
  },
})

export const GatherElements = deviceOp<[DeviceTensor, HostArray], { axis: number }>({
  types: carried,
  host: [1],
  run: (device, [x, indices], { axis }) => {
    const flat = device.reshape(x, [sizeOf(x.shape)])
    return freeing([flat], () => gathered(device, flat, placesAlong(x.shape, indices, axis), indices.shape, 0))
  },
})

export const Tile = deviceOp<[DeviceTensor, HostArray]>({
  types: carried,
  host: [1],
  run: (device, [x, repeats]) => {
    // As an expansion: [a, b] · [2, 3] is [1, a, 1, b] expanded to [2, a, 3, b].
    const counts = integersOf(repeats)
    const seen = device.reshape(x, x.shape.flatMap((size) => [1, size]))
    const wide = freeing([seen], () => expanded(device, seen, x.shape.flatMap((size, axis) => [counts[axis]!, size])))
    return freeing([wide], () => device.reshape(wide, x.shape.map((size, axis) => size * counts[axis]!)))
  },
})
