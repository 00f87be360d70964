import { InvalidFileError } from '@tenon/core'
import { integers, type Value } from '@tenon/graph'
import { Concat, Gather, Gelu, Gemm, LayerNormalization, QuickGelu, Relu, Reshape, Shape, Sigmoid, Tanh } from '@tenon/graph/ops'
import type { Weights } from './weights.js'

/** [rows, in] → [rows, out], with the weight as PyTorch stores it, [out, in]. */
export function linear(w: Weights, x: Value, size: number, { bias = true } = {}): Value {
  const weight = w.get('weight', [size, x.shape.at(-1) as number])
  return Gemm(x, weight, bias ? w.get('bias', [size]) : undefined, { transB: 1 })
}

/** One row of the table for each id. */
export function embedding(w: Weights, ids: Value, rows: number, size: number): Value {
  return Gather(w.get('weight', [rows, size]), ids)
}

export function layerNorm(w: Weights, x: Value, epsilon: number): Value {
  const size = [x.shape.at(-1) as number]
  return LayerNormalization(x, w.get('weight', size), w.get('bias', size), { epsilon })
}

/**
 * [batch, sequence, …] of the input that gives a batch its shape. Token-wise layers run on rows,
 * [batch * sequence, hidden], since a matrix product wants a matrix; these two go there and back.
 */
export function toRows(x: Value): Value {
  return Reshape(x, integers(x, [-1, x.shape.at(-1) as number]))
}

/** [batch * sequence, size] → [batch, sequence, size], for the batch and sequence of `ids`. */
export function fromRows(x: Value, ids: Value): Value {
  return Reshape(x, Concat([Shape(ids), integers(x, [x.shape.at(-1) as number])], { axis: 0 }))
}

/** The activations by the names that configs use (`ACT2FN` in `transformers`). */
const activations: Readonly<Record<string, (x: Value) => Value>> = {
  gelu: (x) => Gelu(x),
  gelu_new: (x) => Gelu(x, { approximate: 'tanh' }),
  gelu_fast: (x) => Gelu(x, { approximate: 'tanh' }),
  gelu_pytorch_tanh: (x) => Gelu(x, { approximate: 'tanh' }),
  quick_gelu: (x) => QuickGelu(x),
  relu: (x) => Relu(x),
  sigmoid: (x) => Sigmoid(x),
  silu: (x) => QuickGelu(x, { alpha: 1 }),
  swish: (x) => QuickGelu(x, { alpha: 1 }),
  tanh: (x) => Tanh(x),
}

/** @throws InvalidFileError for a name that no activation here has. */
export function activation(w: Weights, name: string, x: Value): Value {
  const apply = Object.hasOwn(activations, name) ? activations[name] : undefined
  if (apply === undefined) {
    throw new InvalidFileError({ path: `${w.checkpoint.reference}/config.json`, problem: `names the activation '${name}'`, remedy: `Known are: ${Object.keys(activations).join(', ')}` })
  }
  return apply(x)
}
