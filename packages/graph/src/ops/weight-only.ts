import { inlineConstant, ShapeMismatchError, TypeMismatchError, type Dimension, type NumericType } from '@tenon/core'
import { product } from '../dimension.js'
import { integer, integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { axisIndex, sameSize, sameType } from '../shapes.js'
import { Add, Cast, Div, Mod, Mul, Sub } from './elementwise.js'
import { MatMul } from './linalg.js'
import { Concat, Gather, Range, Reshape, Shape, Slice, Transpose, Unsqueeze } from './movement.js'
import { DequantizeLinear } from './quantization.js'

/** Numbers of a few bits, lowest first in each byte: uint8 [..., bytes] → int32 [..., bytes * 8 / bits]. */
function unpacked(x: Value, bits: number): Value {
  const bytes = Cast(x, { to: 'int32' })
  if (bits === 8) return bytes
  const parts = Array.from({ length: 8 / bits }, (_, index) => {
    const shifted = index === 0 ? bytes : Div(bytes, scalar(bytes, 2 ** (bits * index)))
    return Unsqueeze(Mod(shifted, scalar(shifted, 2 ** bits)), integers(x, [-1]))
  })
  const size = x.shape.at(-1)!
  if (typeof size !== 'number') throw new ShapeMismatchError({ op: 'unpacking', expected: 'packed weights of known size', actual: size })
  const front = x.shape.length === 1 ? [] : [Shape(x, { end: -1 })]
  return Reshape(Concat(parts, { axis: -1 }), Concat([...front, integers(x, [size * parts.length])], { axis: 0 }))
}

/** The first `size` along an axis. */
const first = (x: Value, axis: number, size: number): Value => (x.shape[axis] === size ? x : Slice(x, integers(x, [0]), integers(x, [size]), integers(x, [axis])))

interface Blocks {
  readonly K?: number | undefined
  readonly N?: number | undefined
  readonly block_size?: number | undefined
}

/** @throws ShapeMismatchError unless the sizes can be those of quantised weights. */
function checkBlocks(op: string, { K, N, block_size: block }: Blocks, input: readonly Dimension[]): void {
  const power = Number.isInteger(Math.log2(block!)) && block! >= 16
  if (!power || K! < 1 || N! < 1) throw new ShapeMismatchError({ op, expected: 'sizes above 0 and blocks of 16, 32, …', actual: `K ${K}, N ${N}, block_size ${block}` })
  if (input.length === 0) throw new ShapeMismatchError({ op, expected: 'at least one dimension', actual: 'a scalar' })
  sameSize(op, 'an inner size of', K!, input.at(-1)!)
}

/**
 * A float input times weights of 2, 4 or 8 bits, quantised in blocks along their rows: B is uint8 [N, blocks, bytes of a block],
 * scales are [N, blocks], and zero points are packed as the weights are, or floats; plus bias.
 */
export const MatMulNBits = defineOp('com.microsoft::MatMulNBits', {
  since: 1,
  inputs: ['A', 'B', 'scales', 'zero_points?', 'g_idx?', 'bias?'],
  attributes: {
    K: { type: 'int', required: true },
    N: { type: 'int', required: true },
    bits: { type: 'int', default: 4 },
    block_size: { type: 'int', required: true },
    accuracy_level: { type: 'int', default: 0 },
  },
  infer: ([a, b, scales, , , bias], { K, N, bits, block_size }) => {
    const op = 'MatMulNBits'
    checkBlocks(op, { K, N, block_size }, a.shape)
    if (![2, 4, 8].includes(bits)) throw new ShapeMismatchError({ op, expected: '2, 4 or 8 bits', actual: `${bits}` })
    if (b.dtype !== 'uint8') throw new TypeMismatchError({ op, expected: 'packed weights of uint8', actual: b.dtype })
    sameType(op, a, scales, bias)
    const blocks = Math.ceil(K! / block_size!)
    sameSize(op, 'as many scales as blocks,', N! * blocks, scales.shape.reduce(product, 1))
    if (bias !== undefined) sameSize(op, 'a bias of', N!, bias.shape[0]!)
    if (b.shape.length === 3) [N!, blocks, (block_size! * bits) / 8].forEach((size, axis) => sameSize(op, `weights with size on axis ${axis} of`, size, b.shape[axis]!))
    return { dtype: a.dtype, shape: a.shape.toSpliced(-1, 1, N!) }
  },
  decompose: ([a, b, scales, zeros, groups, bias], { K, N, bits, block_size: block }) => {
    const [columns, blocks] = [N!, Math.ceil(K! / block!)]
    const codes = Reshape(unpacked(Reshape(b, integers(b, [columns * blocks, (block! * bits) / 8])), bits), integers(b, [columns, blocks, block!]))
    const scale = Reshape(scales, integers(b, [columns, blocks, 1]))
    const zero = zeros === undefined ? scalar(scales, 2 ** (bits - 1)) : zeroPoints(zeros, columns, blocks, bits, scales.dtype as NumericType)
    const weights = groups === undefined
      ? first(Reshape(Mul(Sub(Cast(codes, { to: scales.dtype }), zero), scale), integers(b, [columns, blocks * block!])), 1, K!)
      : grouped(first(Reshape(codes, integers(b, [columns, blocks * block!])), 1, K!), zero, scale, groups)
    const multiplied = MatMul(a, Transpose(weights, { perm: [1, 0] }))
    return bias === undefined ? multiplied : Add(multiplied, bias)
  },
})

/** [N, blocks, 1], in the scales' type. */
function zeroPoints(zeros: Value, columns: number, blocks: number, bits: number, dtype: NumericType): Value {
  if (zeros.dtype !== 'uint8') return Reshape(zeros, integers(zeros, [columns, blocks, 1]))
  const rows = Reshape(zeros, integers(zeros, [columns, Math.ceil((blocks * bits) / 8)]))
  return Unsqueeze(Cast(first(unpacked(rows, bits), 1, blocks), { to: dtype }), integers(zeros, [-1]))
}

/** Rows that were reordered tell each one's block themselves. */
function grouped(codes: Value, zero: Value, scale: Value, groups: Value): Value {
  const each = (x: Value) => (x.shape.length === 0 ? x : Gather(Reshape(x, integers(x, [0, -1])), groups, { axis: 1 }))
  return Mul(Sub(Cast(codes, { to: scale.dtype }), each(zero)), each(scale))
}

/** The 16 levels of 4-bit NormalFloat (Dettmers et al. 2023, appendix E). */
const NF4 = [-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1]
/** And those of bitsandbytes' 4-bit floats: three bits in its own order, and a sign. */
const FP4_SIZES = [0, 0.005208333333, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25]
const FP4 = [...FP4_SIZES, ...FP4_SIZES.map((size) => -size)]

/**
 * A float input times the transpose of weights [N, K] that were quantised as bitsandbytes does, to the nearest of 16 levels, in
 * blocks of the flattened matrix, each scaled by its largest. Two to a byte, the high half first.
 */
export const MatMulBnb4 = defineOp('com.microsoft::MatMulBnb4', {
  since: 1,
  inputs: ['A', 'B', 'absmax'],
  attributes: {
    K: { type: 'int', required: true },
    N: { type: 'int', required: true },
    block_size: { type: 'int', required: true },
    quant_type: { type: 'int', required: true },
    training_mode: { type: 'int', default: 0 },
    transB: { type: 'int', default: 1 },
  },
  infer: ([a, b, absmax], { K, N, block_size, quant_type: kind, transB }) => {
    checkBlocks('MatMulBnb4', { K, N, block_size }, a.shape)
    if (b.dtype !== 'uint8') throw new TypeMismatchError({ op: 'MatMulBnb4', expected: 'packed weights of uint8', actual: b.dtype })
    if ((kind !== 0 && kind !== 1) || transB !== 1) throw new ShapeMismatchError({ op: 'MatMulBnb4', expected: 'quant_type 0 or 1 and transB 1', actual: `${kind} and ${transB}` })
    sameType('MatMulBnb4', a, absmax)
    return { dtype: a.dtype, shape: a.shape.toSpliced(-1, 1, N!) }
  },
  decompose: ([a, b, absmax], { K, N, block_size: block, quant_type: kind }) => {
    const count = N! * K!
    const bytes = Cast(Reshape(b, integers(b, [-1])), { to: 'int32' })
    const halves = [Div(bytes, scalar(bytes, 16)), Mod(bytes, scalar(bytes, 16))].map((half) => Unsqueeze(half, integers(b, [1])))
    const levels = Cast(a.builder.constant(inlineConstant('float32', [16], Float32Array.from(kind === 1 ? NF4 : FP4))), { to: a.dtype })
    const values = first(Reshape(Gather(levels, Concat(halves, { axis: 1 })), integers(b, [-1])), 0, count)
    const [zero, one, end, size] = [0, 1, count, block!].map((value) => integer(b, value)) as [Value, Value, Value, Value]
    const weights = Reshape(Mul(values, Gather(absmax, Div(Range(zero, end, one), size))), integers(b, [N!, K!]))
    return MatMul(a, Transpose(weights, { perm: [1, 0] }))
  },
})

/** Rows of a table that is quantised in blocks along `quantize_axis`. In uint8, `bits` tells how many numbers a byte holds, along the last dimension. */
export const GatherBlockQuantized = defineOp('com.microsoft::GatherBlockQuantized', {
  since: 1,
  inputs: ['data', 'indices', 'scales', 'zero_points?'],
  outputs: ['output'],
  attributes: {
    bits: { type: 'int', default: 4 },
    block_size: { type: 'int', default: 128 },
    gather_axis: { type: 'int', default: 0 },
    quantize_axis: { type: 'int', default: 1 },
  },
  infer: ([data, indices, scales], { bits, gather_axis: gather, quantize_axis: quantize }) => {
    const op = 'GatherBlockQuantized'
    if (!['int4', 'uint4', 'uint8'].includes(data.dtype)) throw new TypeMismatchError({ op, expected: 'a table of int4, uint4 or packed uint8', actual: data.dtype })
    if (![2, 4, 8].includes(bits)) throw new ShapeMismatchError({ op, expected: '2, 4 or 8 bits', actual: `${bits}` })
    sameSize(op, 'scales of as many dimensions as', data.shape.length, scales.shape.length)
    const at = axisIndex(op, gather, data.shape.length)
    axisIndex(op, quantize, data.shape.length)
    const whole = data.dtype === 'uint8' ? data.shape.toSpliced(-1, 1, product(data.shape.at(-1)!, 8 / bits)) : data.shape
    return { dtype: scales.dtype, shape: whole.toSpliced(at, 1, ...indices.shape) }
  },
  decompose: ([data, indices, scales, zeros], { bits, block_size: block, gather_axis: gather, quantize_axis: quantize }) => {
    const packed = data.dtype === 'uint8'
    const codes = packed ? Cast(unpacked(data, bits), { to: 'uint8' }) : data
    const points = zeros === undefined ? undefined : packed ? Cast(first(unpacked(zeros, bits), zeros.shape.length - 1, Number(scales.shape.at(-1))), { to: 'uint8' }) : zeros
    return Gather(DequantizeLinear(codes, scales, points ?? (packed ? middle(scales, bits) : undefined), { axis: quantize, block_size: block }), indices, { axis: gather })
  },
})

/** Without zero points, packed numbers are signed by an offset. */
function middle(scales: Value, bits: number): Value {
  return Cast(Add(Mul(scales, scalar(scales, 0)), scalar(scales, 2 ** (bits - 1))), { to: 'uint8' })
}
