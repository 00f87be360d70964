import { defineOp } from '../op.js'
import { broadcast, eightBits, matmulShape } from '../shapes.js'
import { Add, Cast, Mul } from './elementwise.js'

/** (x − zero point) · scale, per tensor or along `axis`. */
export const DequantizeLinear = defineOp('DequantizeLinear', {
  since: 21,
  inputs: ['x', 'x_scale', 'x_zero_point?'],
  attributes: { axis: { type: 'int', default: 1 }, block_size: { type: 'int', default: 0 } },
  infer: ([x, scale]) => ({ dtype: scale.dtype, shape: x.shape }),
})

export const QuantizeLinear = defineOp('QuantizeLinear', {
  since: 21,
  inputs: ['x', 'y_scale', 'y_zero_point?'],
  attributes: { axis: { type: 'int', default: 1 }, block_size: { type: 'int', default: 0 }, saturate: { type: 'int', default: 1 }, output_dtype: { type: 'dtype' } },
  infer: ([x, , zero], { output_dtype: dtype }) => ({ dtype: zero?.dtype ?? dtype ?? 'uint8', shape: x.shape }),
})

/** To uint8 over the tensor's own range, which always holds 0; the further outputs are scale and zero point. */
export const DynamicQuantizeLinear = defineOp('DynamicQuantizeLinear', {
  since: 11,
  inputs: ['x'],
  outputs: ['y', 'y_scale', 'y_zero_point'],
  infer: ([x]) => [{ dtype: 'uint8', shape: x.shape }, { dtype: 'float32', shape: [] }, { dtype: 'uint8', shape: [] }],
})

export const MatMulInteger = defineOp('MatMulInteger', {
  since: 10,
  inputs: ['A', 'B', 'a_zero_point?', 'b_zero_point?'],
  infer: ([a, b]) => {
    eightBits('MatMulInteger', a, b)
    return { dtype: 'int32', shape: matmulShape('MatMulInteger', a, b) }
  },
})

/** A float input, quantised as it comes, times 8-bit weights with a scale per tensor or per column; plus bias. */
export const DynamicQuantizeMatMul = defineOp('com.microsoft::DynamicQuantizeMatMul', {
  since: 1,
  inputs: ['A', 'B', 'b_scale', 'b_zero_point?', 'bias?'],
  infer: ([a, b, , , bias]) => {
    const shape = matmulShape('DynamicQuantizeMatMul', a, b)
    if (bias !== undefined) broadcast('DynamicQuantizeMatMul', shape, bias.shape)
    return { dtype: a.dtype, shape }
  },
  decompose: ([a, b, scale, zero, bias]) => {
    const [quantized, inputScale, inputZero] = a.builder.emit(DynamicQuantizeLinear, [a], {}, 3)
    const product = Cast(MatMulInteger(quantized!, b, inputZero, zero), { to: a.dtype })
    const scaled = Mul(product, Mul(inputScale!, scale))
    return bias === undefined ? scaled : Add(scaled, bias)
  },
})

/** A product of quantised matrices, back in floating point: MatMulInteger · a_scale · b_scale + bias. */
export const MatMulIntegerToFloat = defineOp('com.microsoft::MatMulIntegerToFloat', {
  since: 1,
  inputs: ['A', 'B', 'a_scale', 'b_scale', 'a_zero_point?', 'b_zero_point?', 'bias?'],
  infer: ([a, b, scale, , , , bias]) => {
    const shape = matmulShape('MatMulIntegerToFloat', a, b)
    if (bias !== undefined) broadcast('MatMulIntegerToFloat', shape, bias.shape)
    return { dtype: scale.dtype, shape }
  },
  decompose: ([a, b, inputScale, scale, inputZero, zero, bias]) => {
    const scaled = Mul(Cast(MatMulInteger(a, b, inputZero, zero), { to: scale.dtype }), Mul(inputScale, scale))
    return bias === undefined ? scaled : Add(scaled, bias)
  },
})
