import { freeing, type Device } from '../device.js'
import { deviceOp, floats } from '../op.js'
import { broadcastShape, sameShape, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'
import { expanded } from './broadcast.js'

export const MatMul = deviceOp<[DeviceTensor, DeviceTensor]>({
  types: floats,
  run: (device, [a, b]) => {
    const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
    const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
    const [rows, inner, columns] = [left.at(-2)!, left.at(-1)!, right.at(-1)!]
    const [batchA, batchB] = [left.slice(0, -2), right.slice(0, -2)]
    const batch = broadcastShape(batchA, batchB)
    const shape = [...batch, ...(a.shape.length === 1 ? [] : [rows]), ...(b.shape.length === 1 ? [] : [columns])]
    if (sizeOf(shape) === 0 || inner === 0) return device.full(shape, 0)
    // One matrix on the right: all on the left are one tall one.
    const product = sizeOf(batchB) === 1 ? multiplied(device, a, [1, sizeOf(batchA) * rows, inner], b, [1, inner, columns]) : batched(device, a, [...batchA, rows, inner], b, [...batchB, inner, columns], batch)
    return freeing([product], () => device.reshape(product, shape))
  },
})

/** The kernel broadcasts one batch over the other only where one is of one matrix. */
function batched(device: Device, a: DeviceTensor, shapeA: readonly number[], b: DeviceTensor, shapeB: readonly number[], batch: readonly number[]): DeviceTensor {
  const [left, right] = [[a, shapeA] as const, [b, shapeB] as const].map(([x, shape]) => {
    const seen = device.reshape(x, shape)
    const own = shape.slice(0, -2)
    return sizeOf(own) === 1 || sameShape(own, batch) ? seen : freeing([seen], () => expanded(device, seen, [...batch, ...shape.slice(-2)]))
  }) as [DeviceTensor, DeviceTensor]
  const matrices = (x: DeviceTensor) => [sizeOf(x.shape.slice(0, -2)), ...x.shape.slice(-2)]
  return freeing([left, right], () => multiplied(device, left, matrices(left), right, matrices(right)))
}

/** [batch or 1, rows, inner] times [batch or 1, inner, columns] */
function multiplied(device: Device, a: DeviceTensor, shapeA: readonly number[], b: DeviceTensor, shapeB: readonly number[]): DeviceTensor {
  if (device.memory !== undefined && Math.max(shapeA[0]!, shapeB[0]!) > 1) return oneByOne(device, device.memory, a, shapeA, b, shapeB)
  const [left, right] = [device.reshape(a, shapeA), device.reshape(b, shapeB)]
  return freeing([left, right], () => device.run('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: false }))
}

/** WebAssembly multiplies two matrices well, and a batch of them with a loop that is some fifteen times slower. */
function oneByOne(device: Device, memory: NonNullable<Device['memory']>, a: DeviceTensor, [batchA, rows, inner]: readonly number[], b: DeviceTensor, [batchB, , columns]: readonly number[]): DeviceTensor {
  const batch = Math.max(batchA!, batchB!)
  const result = device.own(memory.make([batch, rows!, columns!], 'float32'))
  const size = rows! * columns!
  for (let index = 0; index < batch; index++) {
    memory.within(a, batchA === 1 ? 0 : index * rows! * inner!, [1, rows!, inner!], (left) =>
      memory.within(b, batchB === 1 ? 0 : index * inner! * columns!, [1, inner!, columns!], (right) => {
        const product = device.run('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: false })
        memory.view(result).set(memory.view(product), index * size)
        product.dispose()
      }),
    )
  }
  return result
}
