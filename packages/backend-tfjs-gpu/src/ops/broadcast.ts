import { freeing, type Device } from '../device.js'
import { broadcastShape, sameShape, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'

/** The tensor repeated to a larger shape; a new tensor in any case. */
export function expanded(device: Device, x: DeviceTensor, shape: readonly number[]): DeviceTensor {
  if (sizeOf(shape) === 0) return device.full(shape, 0, x.dtype)
  if (sameShape(x.shape, shape)) return device.reshape(x, shape)
  // Every backend broadcasts a product quickly, and WebAssembly tiles a hundred times more slowly. 1 · x is x, whatever x is.
  if (x.dtype === 'float32') {
    const ones = device.full(shape, 1)
    return freeing([ones], () => device.run('Multiply', { a: x, b: ones }))
  }
  const aligned = device.reshape(x, [...Array.from({ length: shape.length - x.shape.length }, () => 1), ...x.shape])
  return freeing([aligned], () => device.run('Tile', { x: aligned }, { reps: shape.map((size, axis) => size / aligned.shape[axis]!) }))
}

/** `use` with tensors of one shape. */
export function alike<T>(device: Device, tensors: readonly DeviceTensor[], use: (...tensors: DeviceTensor[]) => T): T {
  const shape = broadcastShape(...tensors.map((tensor) => tensor.shape))
  const made: DeviceTensor[] = []
  const all = tensors.map((tensor) => {
    if (sameShape(tensor.shape, shape)) return tensor
    made.push(expanded(device, tensor, shape))
    return made.at(-1)!
  })
  return freeing(made, () => use(...all))
}
