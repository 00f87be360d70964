import type { DataType } from '@tenon/core'
import { freeing, type Device } from '../device.js'
import { carried, deviceOp } from '../op.js'
import { axisOf, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'
import { gathered } from './movement.js'

interface Along {
  readonly axis: number
  readonly block_size: number
}

/** Scales or zero points in the form that broadcasts over x: one number, one per place of an axis, or one per block of it. */
function spread(device: Device, parameter: DeviceTensor, shape: readonly number[], { axis, block_size: block }: Along): DeviceTensor {
  if (sizeOf(parameter.shape) === 1) return device.reshape(parameter, [])
  const at = axisOf(axis, shape.length)
  if (block > 0) return gathered(device, parameter, Int32Array.from({ length: shape[at]! }, (_, index) => Math.floor(index / block)), [shape[at]!], at)
  return device.reshape(parameter, shape.map((size, each) => (each === at ? size : 1)))
}

/** Each step's result, freeing the one before. */
const chained = (first: DeviceTensor, ...steps: ((x: DeviceTensor) => DeviceTensor)[]): DeviceTensor => steps.reduce((x, step) => freeing([x], () => step(x)), first)

export const DequantizeLinear = deviceOp<[DeviceTensor, DeviceTensor, DeviceTensor | undefined], Along>({
  types: carried,
  accepts: (_, [to]) => to === 'float32',
  run: (device, [x, scale, zero], along) => {
    const scales = spread(device, scale, x.shape, along)
    return freeing([scales], () => {
      const real = x.dtype === 'float32' ? device.share(x) : device.run('Cast', { x }, { dtype: 'float32' })
      const zeros = zero && asFloats(device, spread(device, zero, x.shape, along))
      const centred = zeros === undefined ? real : freeing([real, zeros], () => device.run('Sub', { a: real, b: zeros }))
      return freeing([centred], () => device.run('Multiply', { a: centred, b: scales }))
    })
  },
})

const asFloats = (device: Device, x: DeviceTensor): DeviceTensor => (x.dtype === 'float32' ? x : freeing([x], () => device.run('Cast', { x }, { dtype: 'float32' })))

const ranges: Partial<Record<DataType, readonly [number, number]>> = { int4: [-8, 7], uint4: [0, 15], int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767], uint16: [0, 65535] }

/** round(x / scale) + zero point, kept in the type's range; halves go to the even neighbour. */
export const QuantizeLinear = deviceOp<[DeviceTensor, DeviceTensor, DeviceTensor | undefined], Along>({
  types: carried,
  accepts: ([from], [to]) => from === 'float32' && ranges[to!] !== undefined,
  run: (device, [x, scale, zero], along, { declared: [to] }) => {
    const [low, high] = ranges[to!]!
    const scales = spread(device, scale, x.shape, along)
    const rounded = freeing([scales], () => chained(device.run('RealDiv', { a: x, b: scales }), (each) => device.run('Round', { x: each })))
    const zeros = zero && spread(device, zero, x.shape, along)
    const shifted = zeros === undefined ? rounded : freeing([rounded, zeros], () => device.run('Add', { a: rounded, b: zeros }))
    return freeing([shifted], () => device.run('ClipByValue', { x: shifted }, { clipValueMin: low, clipValueMax: high }))
  },
})

/** The range and what follows from it are a few numbers, computed in JavaScript as float32. */
export const DynamicQuantizeLinear = deviceOp<[DeviceTensor]>({
  types: carried,
  run: (device, [x]) => {
    const axes = x.shape.map((_, axis) => axis)
    const [lowest, highest] = [extreme(device, x, 'Min', axes), extreme(device, x, 'Max', axes)]
    const [low, high] = [Math.min(0, lowest), Math.max(0, highest)]
    const scale = Math.fround(Math.fround(high - low) / 255)
    const zero = scale === 0 ? 0 : Math.min(255, Math.max(0, halfToEven(Math.fround(-low / scale))))
    const scales = device.full([], scale === 0 ? 1 : scale)
    const codes = freeing([scales], () => chained(device.run('RealDiv', { a: x, b: scales }), (each) => device.run('Round', { x: each }), (each) => added(device, each, zero), (each) => device.run('ClipByValue', { x: each }, { clipValueMin: 0, clipValueMax: 255 })))
    return [codes, device.full([], scale), device.full([], zero)]
  },
})

function added(device: Device, x: DeviceTensor, number: number): DeviceTensor {
  const b = device.full([], number)
  return freeing([b], () => device.run('Add', { a: x, b }))
}

function extreme(device: Device, x: DeviceTensor, kernel: 'Min' | 'Max', axes: readonly number[]): number {
  const found = device.run(kernel, { x }, kernel === 'Max' ? { reductionIndices: axes, keepDims: false } : { axis: axes, keepDims: false })
  return freeing([found], () => device.readHost(found, 'float32').values[0] as number)
}

function halfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

