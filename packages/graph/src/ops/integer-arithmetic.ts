import { scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { axisIndex, broadcast, eightBits, gemmShape, matmulShape, sameType } from '../shapes.js'
import { LeakyRelu } from './activation.js'
import { Add, Cast, Mul, Sigmoid } from './elementwise.js'
import { Flatten, Reshape, Shape, Transpose } from './movement.js'
import { Softmax } from './normalization.js'
import { DequantizeLinear, MatMulInteger, QuantizeLinear } from './quantization.js'

/** A product of quantised matrices, quantised again. */
export const QLinearMatMul = defineOp('QLinearMatMul', {
  since: 21,
  inputs: ['a', 'a_scale', 'a_zero_point', 'b', 'b_scale', 'b_zero_point', 'y_scale', 'y_zero_point'],
  outputs: ['y'],
  infer: ([a, , , b, , , , zero]) => {
    eightBits('QLinearMatMul', a, b, zero)
    return { dtype: zero.dtype, shape: matmulShape('QLinearMatMul', a, b) }
  },
  decompose: ([a, aScale, aZero, b, bScale, bZero, scale, zero]) => QuantizeLinear(Mul(Cast(MatMulInteger(a, b, aZero, bZero), { to: scale.dtype }), Mul(aScale, bScale)), scale, zero),
})

const arithmetic = <Name extends string>(op: `com.microsoft::${Name}`, compute: (a: Value, b: Value) => Value) =>
  defineOp(op, {
    since: 1,
    inputs: ['A', 'A_scale', 'A_zero_point?', 'B', 'B_scale', 'B_zero_point?', 'C_scale', 'C_zero_point?'],
    outputs: ['C'],
    infer: ([a, , , b]) => {
      eightBits(op, a, b)
      sameType(op, a, b)
      return { dtype: a.dtype, shape: broadcast(op, a.shape, b.shape) }
    },
    decompose: ([a, aScale, aZero, b, bScale, bZero, scale, zero]) => quantized(compute(DequantizeLinear(a, aScale, aZero), DequantizeLinear(b, bScale, bZero)), scale, zero, a),
  })

/** Back in the type of `like`; without a zero point that is 0. */
const quantized = (x: Value, scale: Value, zero: Value | undefined, like: Value): Value => QuantizeLinear(x, scale, zero ?? scalar(like, 0))

export const QLinearAdd = arithmetic('com.microsoft::QLinearAdd', (a, b) => Add(a, b))
export const QLinearMul = arithmetic('com.microsoft::QLinearMul', (a, b) => Mul(a, b))

export const QLinearSigmoid = defineOp('com.microsoft::QLinearSigmoid', {
  since: 1,
  inputs: ['X', 'X_scale', 'X_zero_point?', 'Y_scale', 'Y_zero_point?'],
  infer: ([x]) => {
    eightBits('QLinearSigmoid', x)
    return { dtype: x.dtype, shape: x.shape }
  },
  decompose: ([x, xScale, xZero, scale, zero]) => quantized(Sigmoid(DequantizeLinear(x, xScale, xZero)), scale, zero, x),
})

export const QLinearLeakyRelu = defineOp('com.microsoft::QLinearLeakyRelu', {
  since: 1,
  inputs: ['X', 'X_scale', 'X_zero_point?', 'Y_scale', 'Y_zero_point?'],
  attributes: { alpha: { type: 'float', default: 0.01 } },
  infer: ([x]) => {
    eightBits('QLinearLeakyRelu', x)
    return { dtype: x.dtype, shape: x.shape }
  },
  decompose: ([x, xScale, xZero, scale, zero], { alpha }) => quantized(LeakyRelu(DequantizeLinear(x, xScale, xZero), { alpha }), scale, zero, x),
})

/** `opset` tells which Softmax is meant: before 13, all dimensions from the axis on were one. */
export const QLinearSoftmax = defineOp('com.microsoft::QLinearSoftmax', {
  since: 1,
  inputs: ['X', 'X_scale', 'x_zero_point?', 'y_scale', 'y_zero_point'],
  attributes: { axis: { type: 'int', default: -1 }, opset: { type: 'int', required: true } },
  infer: ([x], { axis }) => {
    eightBits('QLinearSoftmax', x)
    axisIndex('QLinearSoftmax', axis, x.shape.length)
    return { dtype: x.dtype, shape: x.shape }
  },
  decompose: ([x, xScale, xZero, scale, zero], { axis, opset }) => {
    const real = DequantizeLinear(x, xScale, xZero)
    const probabilities = opset! >= 13 ? Softmax(real, { axis }) : Reshape(Softmax(Flatten(real, { axis })), Shape(real))
    return quantized(probabilities, scale, zero, x)
  },
})

/** alpha · A' · B' + C of quantised matrices, C in the scale of the product; quantised again where `y_scale` is given. */
export const QGemm = defineOp('com.microsoft::QGemm', {
  since: 1,
  inputs: ['A', 'a_scale', 'a_zero_point', 'B', 'b_scale', 'b_zero_point', 'C?', 'y_scale?', 'y_zero_point?'],
  attributes: { alpha: { type: 'float', default: 1 }, transA: { type: 'int', default: 0 }, transB: { type: 'int', default: 0 } },
  infer: ([a, scale, , b, , , c, outScale, outZero], { transA, transB }) => {
    eightBits('QGemm', a, b)
    return { dtype: outScale === undefined ? scale.dtype : outZero?.dtype ?? a.dtype, shape: gemmShape('QGemm', a, b, c, { transA, transB }) }
  },
  decompose: ([a, aScale, aZero, b, bScale, bZero, c, scale, zero], { alpha, transA, transB }) => {
    const turned = (x: Value, transpose: number) => (transpose ? Transpose(x, { perm: [1, 0] }) : x)
    const product = MatMulInteger(turned(a, transA), turned(b, transB), aZero, bZero)
    const total = Cast(c === undefined ? product : Add(product, c), { to: aScale.dtype })
    const both = Mul(aScale, bScale)
    const real = Mul(total, alpha === 1 ? both : Mul(both, scalar(both, alpha)))
    return scale === undefined ? real : quantized(real, scale, zero, a)
  },
})
