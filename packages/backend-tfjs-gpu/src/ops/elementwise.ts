import { carrierOf, type ComputeType, type HostArray } from '../carrier.js'
import { freeing, type Device } from '../device.js'
import type { KernelName } from '../kernels.js'
import { booleans, carried, deviceOp, floats, numbers } from '../op.js'
import { sameShape, sizeOf } from '../shapes.js'
import type { DeviceTensor } from '../tensorflow.js'
import { alike } from './broadcast.js'

type Pair = [DeviceTensor, DeviceTensor]

const unary = (kernel: KernelName) => deviceOp<[DeviceTensor]>({ types: floats, run: (device, [x]) => device.run(kernel, { x }) })

const arithmetic = (kernel: KernelName, types = numbers) => deviceOp<Pair>({ types, run: (device, [a, b]) => (a.dtype === 'float32' ? device.run(kernel, { a, b }) : paired(device, kernel, a, b)) })

/** WebAssembly broadcasts only sums, differences, products and quotients of floats quickly, and one number with any shape. */
function paired(device: Device, kernel: KernelName, a: DeviceTensor, b: DeviceTensor): DeviceTensor {
  if (device.memory === undefined || sizeOf(a.shape) === 1 || sizeOf(b.shape) === 1 || sameShape(a.shape, b.shape)) return device.run(kernel, { a, b })
  return alike(device, [a, b], (left, right) => device.run(kernel, { a: left!, b: right! }))
}

const comparison = (kernel: KernelName) => deviceOp<Pair>({ types: carried, run: (device, [a, b]) => paired(device, kernel, a, b) })

const logical = (kernel: KernelName) => deviceOp<Pair>({ types: booleans, run: (device, [a, b]) => paired(device, kernel, a, b) })

/** Types that have an order. */
const ordered: ReadonlySet<ComputeType> = new Set([...carried].filter((type) => type !== 'bool'))

const extremum = (kernel: 'Maximum' | 'Minimum') =>
  deviceOp<DeviceTensor[]>({
    types: ordered,
    run: (device, [first, ...rest]) => rest.reduce((best, x) => freeing([best], () => extreme(device, kernel, best, x)), device.share(first!)),
  })

/** What is no number stays none: in WebAssembly the kernel sees it on the left only. */
function extreme(device: Device, kernel: 'Maximum' | 'Minimum', a: DeviceTensor, b: DeviceTensor): DeviceTensor {
  if (device.memory === undefined || a.dtype !== 'float32') return device.run(kernel, { a, b })
  const [left, right] = sizeOf(a.shape) === 1 && sizeOf(b.shape) > 1 ? [b, a] : [a, b]
  if (sizeOf(right.shape) === 1 && !Number.isNaN(device.memory.view(right)[0])) return device.run(kernel, { a: left, b: right })
  return alike(device, [left, right], (x, y) => unlessNone(device, y!, device.run(kernel, { a: x!, b: y! })))
}

/** The result, but x where that is no number. */
function unlessNone(device: Device, x: DeviceTensor, result: DeviceTensor): DeviceTensor {
  const none = device.run('IsNan', { x })
  return freeing([none, result], () => device.run('Select', { condition: none, t: x, e: result }))
}

export const Add = arithmetic('Add')
export const Sub = arithmetic('Sub')
export const Mul = arithmetic('Multiply')
/** Of floats only: an integer quotient is floored by TensorFlow.js, and truncated by ONNX. */
export const Div = arithmetic('RealDiv', floats)
export const Max = extremum('Maximum')
export const Min = extremum('Minimum')

/** The exponent is most often one number, and then often one that has a kernel of its own. */
export const Pow = deviceOp<[DeviceTensor, HostArray]>({
  types: floats,
  host: [1],
  run: (device, [x, { shape, values }]) => {
    const only = values.length === 1 && shape.length <= x.shape.length ? Number(values[0]) : undefined
    if (only === 2) return device.run('Square', { x })
    if (only === 0.5) return device.run('Sqrt', { x })
    const exponents = device.upload(Float32Array.from(values as Float32Array, Number), shape, 'float32')
    return freeing([exponents], () => paired(device, 'Pow', x, exponents))
  },
})

export const Abs = unary('Abs')
export const Neg = unary('Neg')
export const Sqrt = unary('Sqrt')
export const Reciprocal = unary('Reciprocal')
export const Exp = unary('Exp')
export const Log = unary('Log')
export const Tanh = unary('Tanh')
export const Sigmoid = unary('Sigmoid')
export const Relu = unary('Relu')
export const Sin = unary('Sin')
export const Cos = unary('Cos')
export const Floor = unary('Floor')
export const Ceil = unary('Ceil')
export const Round = unary('Round')
export const Sign = deviceOp<[DeviceTensor]>({ types: floats, run: (device, [x]) => unlessNone(device, x, device.run('Sign', { x })) })
/** Within 1.5e-7: Abramowitz and Stegun 7.1.26, where a native library has no better one. */
export const Erf = unary('Erf')

const test = (kernel: KernelName) => deviceOp<[DeviceTensor]>({ types: new Set<ComputeType>(['float32', 'bool']), run: (device, [x]) => device.run(kernel, { x }) })

export const IsNaN = test('IsNan')

export const Equal = comparison('Equal')
export const Greater = comparison('Greater')
export const GreaterOrEqual = comparison('GreaterEqual')
export const Less = comparison('Less')
export const LessOrEqual = comparison('LessEqual')
export const And = logical('LogicalAnd')
export const Or = logical('LogicalOr')
export const Xor = deviceOp<Pair>({
  types: booleans,
  run: (device, [a, b]) => {
    const both = [a, b].map((x) => device.run('Cast', { x }, { dtype: 'int32' })) as Pair
    return freeing(both, () => paired(device, 'NotEqual', ...both))
  },
})
export const Not = deviceOp<[DeviceTensor]>({ types: booleans, run: (device, [x]) => device.run('LogicalNot', { x }) })

export const Where = deviceOp<[DeviceTensor, DeviceTensor, DeviceTensor]>({ types: carried, run: (device, [condition, x, y]) => selected(device, condition, x, y) })

/** The kernel wants three tensors of one shape. */
export function selected(device: Device, condition: DeviceTensor, x: DeviceTensor, y: DeviceTensor): DeviceTensor {
  return alike(device, [condition, x, y], (where, t, e) => device.run('Select', { condition: where!, t: t!, e: e! }))
}

/** Where the bounds cross, the upper one wins; what is no number stays none. */
export const Clip = deviceOp<[DeviceTensor, HostArray | undefined, HostArray | undefined]>({
  types: ordered,
  host: [1, 2],
  run: (device, [x, low, high]) => {
    const [least, most] = [low === undefined ? -Infinity : Number(low.values[0]), high === undefined ? Infinity : Number(high.values[0])]
    // WebAssembly's kernel wants a range, and takes what is no number for its lower end.
    const clipped = least < most ? device.run('ClipByValue', { x }, { clipValueMin: least, clipValueMax: most }) : device.full(x.shape, most, x.dtype)
    return x.dtype === 'float32' && (device.memory !== undefined || least >= most) ? unlessNone(device, x, clipped) : clipped
  },
})

export const Cast = deviceOp<[DeviceTensor]>({
  types: carried,
  // Integers that are made narrower wrap, which no kernel does.
  accepts: ([from], [to]) => !(isInteger(from!) && isInteger(to!) && widths[to!]! < widths[from!]!),
  run: (device, [x], _, { types: [to] }) => {
    const carrier = carrierOf(to!)!
    if (carrier === 'bool' && x.dtype !== 'bool') {
      const zero = device.full([], 0, x.dtype)
      return freeing([zero], () => device.run('NotEqual', { a: x, b: zero }))
    }
    if (isInteger(to!) && x.dtype === 'float32' && carrier === 'float32') {
      const truncated = device.run('Cast', { x }, { dtype: 'int32' })
      return freeing([truncated], () => device.run('Cast', { x: truncated }, { dtype: 'float32' }))
    }
    return x.dtype === carrier ? device.share(x) : device.run('Cast', { x }, { dtype: carrier })
  },
})

const widths: Partial<Record<ComputeType, number>> = { int32: 4, int16: 2, uint16: 2, int8: 1, uint8: 1 }
const isInteger = (type: ComputeType) => widths[type] !== undefined
