import { scalar } from '../literals.js'
import { defineOp } from '../op.js'
import { broadcast, sameType } from '../shapes.js'
import { Add, Clip, Exp, Gelu, Log, Max, Min, Mul, Sub, Tanh } from './elementwise.js'

/** x, or where it is negative, alpha · x. */
export const LeakyRelu = defineOp('LeakyRelu', {
  since: 16,
  inputs: ['X'],
  attributes: { alpha: { type: 'float', default: 0.01 } },
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x], { alpha }) => Add(Max([x, scalar(x, 0)]), Mul(Min([x, scalar(x, 0)]), scalar(x, alpha))),
})

/** x, or where it is negative, alpha · (eˣ − 1). */
export const Elu = defineOp('Elu', {
  since: 6,
  inputs: ['X'],
  attributes: { alpha: { type: 'float', default: 1 } },
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x], { alpha }) => Add(Max([x, scalar(x, 0)]), Mul(Sub(Exp(Min([x, scalar(x, 0)])), scalar(x, 1)), scalar(x, alpha))),
})

/** log(1 + eˣ) */
export const Softplus = defineOp('Softplus', {
  since: 1,
  inputs: ['X'],
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  // Of the absolute value's exponent, which does not overflow.
  decompose: ([x]) => Add(Max([x, scalar(x, 0)]), Log(Add(Exp(Sub(Min([x, scalar(x, 0)]), Max([x, scalar(x, 0)]))), scalar(x, 1)))),
})

/** alpha · x + beta, kept between 0 and 1. */
export const HardSigmoid = defineOp('HardSigmoid', {
  since: 6,
  inputs: ['X'],
  attributes: { alpha: { type: 'float', default: 0.2 }, beta: { type: 'float', default: 0.5 } },
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x], { alpha, beta }) => Clip(Add(Mul(x, scalar(x, alpha)), scalar(x, beta)), scalar(x, 0), scalar(x, 1)),
})

/** x · HardSigmoid(x), with alpha 1/6. */
export const HardSwish = defineOp('HardSwish', {
  since: 14,
  inputs: ['X'],
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x]) => Mul(x, HardSigmoid(x, { alpha: 1 / 6, beta: 0.5 })),
})

/** x · tanh(log(1 + eˣ)) */
export const Mish = defineOp('Mish', {
  since: 18,
  inputs: ['X'],
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x]) => Mul(x, Tanh(Softplus(x))),
})

/** Gelu(A + B), B a vector along the last dimension. */
export const BiasGelu = defineOp('com.microsoft::BiasGelu', {
  since: 1,
  inputs: ['A', 'B'],
  outputs: ['C'],
  infer: ([a, b]) => {
    sameType('BiasGelu', a, b)
    return { dtype: a.dtype, shape: broadcast('BiasGelu', a.shape, b.shape) }
  },
  decompose: ([a, b]) => Gelu(Add(a, b)),
})

/** Gelu(X + bias), approximated by tanh. */
export const FastGelu = defineOp('com.microsoft::FastGelu', {
  since: 1,
  inputs: ['X', 'bias?'],
  infer: ([x, bias]) => {
    sameType('FastGelu', x, bias)
    return { dtype: x.dtype, shape: bias === undefined ? x.shape : broadcast('FastGelu', x.shape, bias.shape) }
  },
  decompose: ([x, bias]) => Gelu(bias === undefined ? x : Add(x, bias), { approximate: 'tanh' }),
})
