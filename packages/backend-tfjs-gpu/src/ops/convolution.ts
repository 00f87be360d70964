import { freeing, type Device } from '../device.js'
import { deviceOp, floats } from '../op.js'
import type { DeviceTensor } from '../tensorflow.js'
import { sliced, transposed } from './movement.js'

interface Convolving {
  readonly auto_pad: string
  readonly dilations?: readonly number[]
  readonly group: number
  readonly pads?: readonly number[]
  readonly strides?: readonly number[]
}

/** [batch, channels, …space] in one or two dimensions of space. The kernel wants channels last, two dimensions, and one group. */
export const Conv = deviceOp<[DeviceTensor, DeviceTensor, DeviceTensor | undefined], Convolving>({
  types: floats,
  accepts: (_, __, ___, [rank]) => rank === 3 || rank === 4,
  run: (device, [x, w, bias], { auto_pad: auto, dilations, group, pads, strides }) => {
    const flat = x.shape.length === 3
    const widened = (shape: readonly number[]) => (flat ? shape.toSpliced(2, 0, 1) : shape)
    const pair = (values: readonly number[] | undefined, otherwise: number) => (flat ? [otherwise, values?.[0] ?? otherwise] : [0, 1].map((axis) => values?.[axis] ?? otherwise)) as [number, number]
    const [steps, gaps] = [pair(strides, 1), pair(dilations, 1)]
    const kernel = widened(w.shape).slice(2)
    const space = widened(x.shape).slice(2)
    const padding = flat ? [[0, 0], [pads?.[0] ?? 0, pads?.[1] ?? 0]] : [0, 1].map((axis) => [pads?.[axis] ?? 0, pads?.[axis + 2] ?? 0])
    const around = auto.startsWith('SAME') ? [0, 1].map((axis) => evenly(space[axis]!, (kernel[axis]! - 1) * gaps[axis]! + 1, steps[axis]!, auto === 'SAME_UPPER')) : auto === 'VALID' ? [[0, 0], [0, 0]] : padding

    const image = channelsLast(device, x, widened(x.shape), around) // [batch, height, width, channels]
    const filters = filtersOf(device, w, widened(w.shape)) // [height, width, channels / group, out channels]
    const result = freeing([image, filters], () => grouped(device, image, filters, group, { strides: steps, dilations: gaps, pad: 'valid', dataFormat: 'NHWC' }))
    const total = bias === undefined ? result : freeing([result], () => device.run('Add', { a: result, b: bias }))
    const turned = freeing([total], () => transposed(device, total, [0, 3, 1, 2]))
    return flat ? freeing([turned], () => device.reshape(turned, turned.shape.toSpliced(2, 1))) : turned
  },
})

/** As much padding as keeps the size, in steps; the odd one before or after. */
function evenly(size: number, reach: number, step: number, after: boolean): [number, number] {
  const total = Math.max(0, (Math.ceil(size / step) - 1) * step + reach - size)
  const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)]
  return after ? [less, more] : [more, less]
}

function channelsLast(device: Device, x: DeviceTensor, shape: readonly number[], around: readonly (readonly number[])[]): DeviceTensor {
  const seen = device.reshape(x, shape)
  const turned = freeing([seen], () => transposed(device, seen, [0, 2, 3, 1]))
  if (around.every(([before, after]) => before === 0 && after === 0)) return turned
  return freeing([turned], () => device.run('PadV2', { x: turned }, { paddings: [[0, 0], ...around, [0, 0]], constantValue: 0 }))
}

function filtersOf(device: Device, w: DeviceTensor, shape: readonly number[]): DeviceTensor {
  const seen = device.reshape(w, shape)
  return freeing([seen], () => transposed(device, seen, [2, 3, 1, 0]))
}

function grouped(device: Device, image: DeviceTensor, filters: DeviceTensor, groups: number, attributes: Readonly<Record<string, unknown>>): DeviceTensor {
  const convolved = (x: DeviceTensor, filter: DeviceTensor) => device.run('Conv2D', { x, filter }, attributes)
  if (groups === 1) return convolved(image, filters)
  const part = (x: DeviceTensor, index: number) => {
    const size = x.shape[3]! / groups
    return sliced(device, x, [0, 0, 0, index * size], x.shape.with(3, size))
  }
  const parts: DeviceTensor[] = []
  return freeing(parts, () => {
    for (let index = 0; index < groups; index++) {
      const [x, filter] = [part(image, index), part(filters, index)]
      parts.push(freeing([x, filter], () => convolved(x, filter)))
    }
    return device.run('Concat', parts, { axis: 3 })
  })
}
