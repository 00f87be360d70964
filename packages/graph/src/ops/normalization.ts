import { InvalidGraphError, ShapeMismatchError } from '@tenon/core'
import { integers, scalar } from '../literals.js'
import { defineOp, type Value, type ValueType } from '../op.js'
import { axisIndex, broadcast, sameSize, sameType } from '../shapes.js'
import { Add, Div, Exp, Log, Mul, Reciprocal, Sqrt, Sub } from './elementwise.js'
import { Unsqueeze } from './movement.js'
import { ReduceMax, ReduceMean, ReduceSum } from './reduction.js'

const alongAxis = (op: string, x: ValueType, axis: number): ValueType => {
  axisIndex(op, axis, x.shape.length)
  return { dtype: x.dtype, shape: x.shape }
}

/** The axes from this one on, counted from the end. */
function lastAxes(x: Value, axis: number): Value {
  const count = axis < 0 ? -axis : x.shape.length - axis
  return integers(x, Array.from({ length: count }, (_, index) => index - count))
}

export const Softmax = defineOp('Softmax', {
  since: 13,
  inputs: ['input'],
  attributes: { axis: { type: 'int', default: -1 } },
  infer: ([x], { axis }) => alongAxis('Softmax', x, axis),
  decompose: ([x], { axis }) => {
    const over = integers(x, [axis])
    const exponents = Exp(Sub(x, ReduceMax(x, over)))
    return Div(exponents, ReduceSum(exponents, over))
  },
})

export const LogSoftmax = defineOp('LogSoftmax', {
  since: 13,
  inputs: ['input'],
  attributes: { axis: { type: 'int', default: -1 } },
  infer: ([x], { axis }) => alongAxis('LogSoftmax', x, axis),
  decompose: ([x], { axis }) => {
    const over = integers(x, [axis])
    const shifted = Sub(x, ReduceMax(x, over))
    return Sub(shifted, Log(ReduceSum(Exp(shifted), over)))
  },
})

/** Over the dimensions from `axis` on; the further outputs are the mean and the inverse standard deviation. */
export const LayerNormalization = defineOp('LayerNormalization', {
  since: 17,
  inputs: ['X', 'Scale', 'B?'],
  outputs: ['Y', 'Mean?', 'InvStdDev?'],
  attributes: { axis: { type: 'int', default: -1 }, epsilon: { type: 'float', default: 1e-5 }, stash_type: { type: 'int', default: 1 } },
  infer: ([x, scale, bias], { axis }, { outputs }) => {
    sameType('LayerNormalization', x, scale, bias)
    const at = axisIndex('LayerNormalization', axis, x.shape.length)
    for (const parameter of [scale, bias]) if (parameter) broadcast('LayerNormalization', x.shape.slice(at), parameter.shape)
    const statistics: ValueType = { dtype: 'float32', shape: x.shape.map((size, index) => (index < at ? size : 1)) }
    return [{ dtype: x.dtype, shape: x.shape }, statistics, statistics].slice(0, outputs)
  },
  decompose: ([x, scale, bias], { axis, epsilon }, { outputs }) => {
    const over = lastAxes(x, axis)
    const mean = ReduceMean(x, over)
    const centred = Sub(x, mean)
    const inverse = Reciprocal(Sqrt(Add(ReduceMean(Mul(centred, centred), over), scalar(x, epsilon))))
    const scaled = Mul(Mul(centred, inverse), scale)
    return [bias === undefined ? scaled : Add(scaled, bias), mean, inverse].slice(0, outputs)
  },
})

/** By each channel's mean and variance over what the model was trained on. X: [batch, channels, …]; the others: [channels] */
export const BatchNormalization = defineOp('BatchNormalization', {
  since: 15,
  inputs: ['X', 'scale', 'B', 'input_mean', 'input_var'],
  attributes: { epsilon: { type: 'float', default: 1e-5 }, momentum: { type: 'float', default: 0.9 }, training_mode: { type: 'int', default: 0 } },
  infer: ([x, ...perChannel], { training_mode: training }) => {
    if (training) throw new InvalidGraphError({ graph: 'BatchNormalization', problem: 'BatchNormalization that gathers statistics is not modelled here', remedy: 'Export the model for inference: model.eval()' })
    if (x.shape.length < 2) throw new ShapeMismatchError({ op: 'BatchNormalization', expected: '[batch, channels, …]', actual: x.shape })
    for (const { shape } of perChannel) {
      if (shape.length !== 1) throw new ShapeMismatchError({ op: 'BatchNormalization', expected: [x.shape[1]!], actual: shape })
      sameSize('BatchNormalization', 'channels', x.shape[1]!, shape[0]!)
    }
    return { dtype: x.dtype, shape: x.shape }
  },
  decompose: ([x, scale, bias, mean, variance], { epsilon }) => {
    const factor = Div(scale, Sqrt(Add(variance, scalar(variance, epsilon)))) // [channels]
    const shift = Sub(bias, Mul(mean, factor))
    const inner = Array.from({ length: x.shape.length - 2 }, (_, index) => index + 1)
    const beside = (each: Value) => (inner.length === 0 ? each : Unsqueeze(each, integers(x, inner))) // [channels, 1, …]
    return Add(Mul(x, beside(factor)), beside(shift))
  },
})

/** LayerNormalization(input + skip + bias); the fourth output is the sum. */
export const SkipLayerNormalization = defineOp('com.microsoft::SkipLayerNormalization', {
  since: 1,
  inputs: ['input', 'skip', 'gamma', 'beta?', 'bias?'],
  outputs: ['output', 'mean?', 'inv_std_var?', 'input_skip_bias_sum?'],
  attributes: { epsilon: { type: 'float', default: 1e-12 } },
  infer: ([x, skip, gamma, beta, bias], _, { outputs }) => {
    sameType('SkipLayerNormalization', x, skip, gamma, beta, bias)
    if (gamma.shape.at(-1) !== x.shape.at(-1)) throw new ShapeMismatchError({ op: 'SkipLayerNormalization', expected: [x.shape.at(-1)!], actual: gamma.shape })
    const statistics: ValueType = { dtype: 'float32', shape: [...x.shape.slice(0, -1), 1] }
    return [x, statistics, statistics, x].slice(0, outputs).map(({ dtype, shape }) => ({ dtype, shape }))
  },
  decompose: ([x, skip, gamma, beta, bias], { epsilon }, { outputs }) => {
    const added = Add(x, skip)
    const total = bias === undefined ? added : Add(added, bias)
    const normalized = x.builder.emit(LayerNormalization, [total, gamma, beta], { epsilon }, Math.min(outputs, 3))
    return outputs < 4 ? normalized : [...normalized, total]
  },
})

/** X · Scale / √(mean of squares + epsilon), over the dimensions from `axis` on; the second output is the inverse of the root. ONNX Runtime's, in ONNX's domain. */
export const SimplifiedLayerNormalization = defineOp('SimplifiedLayerNormalization', {
  since: 1,
  inputs: ['X', 'scale'],
  outputs: ['Y', 'inv_std_var?'],
  attributes: { axis: { type: 'int', default: -1 }, epsilon: { type: 'float', default: 1e-5 }, stash_type: { type: 'int', default: 1 } },
  infer: ([x, scale], { axis }, { outputs }) => {
    const at = axisIndex('SimplifiedLayerNormalization', axis, x.shape.length)
    broadcast('SimplifiedLayerNormalization', x.shape.slice(at), scale.shape)
    return [{ dtype: scale.dtype, shape: x.shape }, { dtype: 'float32', shape: x.shape.map((size, index) => (index < at ? size : 1)) } as ValueType].slice(0, outputs)
  },
  decompose: ([x, scale], { axis, epsilon }, { outputs }) => {
    const over = lastAxes(x, axis)
    const inverse = Reciprocal(Sqrt(Add(ReduceMean(Mul(x, x), over), scalar(x, epsilon))))
    return [Mul(Mul(x, inverse), scale), inverse].slice(0, outputs)
  },
})

/** SimplifiedLayerNormalization(input + skip + bias); the fourth output is the sum. */
export const SkipSimplifiedLayerNormalization = defineOp('com.microsoft::SkipSimplifiedLayerNormalization', {
  since: 1,
  inputs: ['input', 'skip', 'gamma', 'bias?'],
  outputs: ['output', 'mean?', 'inv_std_var?', 'input_skip_bias_sum?'],
  attributes: { epsilon: { type: 'float', default: 1e-12 } },
  infer: ([x, skip, gamma, bias], _, { outputs }) => {
    sameType('SkipSimplifiedLayerNormalization', x, skip, gamma, bias)
    if (gamma.shape.at(-1) !== x.shape.at(-1)) throw new ShapeMismatchError({ op: 'SkipSimplifiedLayerNormalization', expected: [x.shape.at(-1) ?? 1], actual: gamma.shape })
    const statistics: ValueType = { dtype: 'float32', shape: [...x.shape.slice(0, -1), 1] }
    return [x, statistics, statistics, x].slice(0, outputs).map(({ dtype, shape }) => ({ dtype, shape }))
  },
  decompose: ([x, skip, gamma, bias], { epsilon }, { outputs }) => {
    const added = Add(x, skip)
    const total = bias === undefined ? added : Add(added, bias)
    const [normalized, inverse] = x.builder.emit(SimplifiedLayerNormalization, [total, gamma], { epsilon }, outputs > 2 ? 2 : 1)
    // The mean is not taken, and what asks for it gets that of the sum.
    const mean = outputs > 1 ? ReduceMean(total, integers(x, [-1])) : undefined
    return [normalized, mean, inverse, total].slice(0, outputs) as Value[]
  },
})
