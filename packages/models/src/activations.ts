import { scalar, type Value } from '@tenon/graph'
import { Abs, Add, Clip, Div, Erf, Exp, Gelu, Log, Max, Mul, Neg, QuickGelu, Relu, Sigmoid, Sub, Tanh } from '@tenon/graph/ops'
import { malformed } from './config.js'
import type { Weights } from './weights.js'

const gelu = (x: Value) => Gelu(x)
const geluByTanh = (x: Value) => Gelu(x, { approximate: 'tanh' })
const silu = (x: Value) => QuickGelu(x, { alpha: 1 })
const between = (x: Value, least: number, most: number) => Clip(x, scalar(x, least), scalar(x, most))

/** log(1 + eˣ), in which nothing grows beyond what float32 holds. */
const softplus = (x: Value) => Add(Relu(x), Log(Add(Exp(Neg(Abs(x))), scalar(x, 1))))

/** Φ of the normal distribution that stands in for a squared ReLU (Ma et al. 2022). */
const laplace = (x: Value) => {
  const [mean, deviation] = [0.707107, 0.282095]
  return Mul(Add(Erf(Div(Sub(x, scalar(x, mean)), scalar(x, deviation * Math.SQRT2))), scalar(x, 1)), scalar(x, 0.5))
}

/** The activations by the names that configs use (`ACT2FN` in `transformers`), without those that have parameters. */
const activations: Readonly<Record<string, (x: Value) => Value>> = {
  gelu,
  gelu_python: gelu,
  gelu_new: geluByTanh,
  gelu_fast: geluByTanh,
  gelu_accurate: geluByTanh,
  gelu_pytorch_tanh: geluByTanh,
  gelu_python_tanh: geluByTanh,
  gelu_10: (x) => between(Gelu(x), -10, 10),
  quick_gelu: (x) => QuickGelu(x),
  relu: (x) => Relu(x),
  relu2: (x) => Mul(Relu(x), Relu(x)),
  relu6: (x) => between(x, 0, 6),
  leaky_relu: (x) => Max([x, Mul(x, scalar(x, 0.01))]),
  silu,
  swish: silu,
  hardswish: (x) => Div(Mul(x, between(Add(x, scalar(x, 3)), 0, 6)), scalar(x, 6)),
  mish: (x) => Mul(x, Tanh(softplus(x))),
  sigmoid: (x) => Sigmoid(x),
  tanh: (x) => Tanh(x),
  laplace,
  linear: (x) => x,
}

/** @throws InvalidFileError for a name that no activation here has. */
export function activation(w: Weights, name: string, x: Value): Value {
  const apply = Object.hasOwn(activations, name) ? activations[name] : undefined
  if (apply === undefined) {
    throw malformed(w.checkpoint, `names the activation '${name}'`, `Known are: ${Object.keys(activations).join(', ')}`)
  }
  return apply(x)
}
