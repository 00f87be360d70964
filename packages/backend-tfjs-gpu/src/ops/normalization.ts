import { deviceOp, floats } from '../op.js'
import { axisOf, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'

/** Along the last axis, which is all that the kernel knows; along others it is decomposed. */
export const Softmax = deviceOp<[DeviceTensor], { axis: number }>({
  types: floats,
  accepts: (_, __, { axis }, [rank]) => axisOf(axis, rank!) === rank! - 1,
  run: (device, [logits]) => (sizeOf(logits.shape) === 0 ? device.share(logits) : device.run('Softmax', { logits }, { dim: logits.shape.length - 1 })),
})
