import type { HostArray } from '../carrier.js'
import { freeing, type Device } from '../device.js'
import { deviceOp, floats } from '../op.js'
import { axisOf, integersOf, reducedAxes, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'

interface Keeping {
  readonly keepdims: number
  readonly noop_with_empty_axes: number
}

type Inputs = [DeviceTensor, HostArray | undefined]

/** What there is of nothing. */
const ofNothing = { Sum: 0, Prod: 1, Mean: NaN, Max: -Infinity, Min: Infinity } as const

type Reduction = keyof typeof ofNothing

function reduce(device: Device, kernel: Reduction, x: DeviceTensor, axes: readonly number[], keepDims: boolean): DeviceTensor {
  if (sizeOf(x.shape) === 0) return device.full(keepDims ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)) : x.shape.filter((_, axis) => !axes.includes(axis)), ofNothing[kernel])
  // The kernels' attributes have two spellings.
  return device.run(kernel, { x }, kernel === 'Max' ? { reductionIndices: axes, keepDims } : { axis: axes, keepDims })
}

const reduction = (kernel: Reduction) =>
  deviceOp<Inputs, Keeping>({
    types: floats,
    host: [1],
    run: (device, [x, listed], { keepdims, noop_with_empty_axes: noop }) => {
      const axes = reducedAxes(x.shape.length, listed, noop)
      return axes.length === 0 ? device.share(x) : reduce(device, kernel, x, axes, keepdims !== 0)
    },
  })

export const ReduceSum = reduction('Sum')
export const ReduceMean = reduction('Mean')
export const ReduceMax = reduction('Max')
export const ReduceMin = reduction('Min')
export const ReduceProd = reduction('Prod')

export const ReduceL2 = deviceOp<Inputs, Keeping>({
  types: floats,
  host: [1],
  run: (device, [x, listed], { keepdims, noop_with_empty_axes: noop }) => {
    const axes = reducedAxes(x.shape.length, listed, noop)
    const squares = device.run('Square', { x })
    const sum = axes.length === 0 ? squares : freeing([squares], () => reduce(device, 'Sum', squares, axes, keepdims !== 0))
    return freeing([sum], () => device.run('Sqrt', { x: sum }))
  },
})

export const CumSum = deviceOp<[DeviceTensor, HostArray], { exclusive: number; reverse: number }>({
  types: floats,
  host: [1],
  run: (device, [x, axis], { exclusive, reverse }) =>
    sizeOf(x.shape) === 0 ? device.share(x) : device.run('Cumsum', { x }, { axis: axisOf(integersOf(axis)[0]!, x.shape.length), exclusive: exclusive !== 0, reverse: reverse !== 0 }),
})
