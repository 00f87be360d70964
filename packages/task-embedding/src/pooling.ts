import { InvalidFileError, WeightMismatchError, type Constant, type Graph } from '@tenon/core'
import { extend, integer, integers, scalar, type Value } from '@tenon/graph'
import { Add, Cast, Concat, Div, Equal, Gather, Gelu, Gemm, Identity, MatMul, Max, Mul, Range, ReduceL2, ReduceMax, ReduceSum, Relu, Shape, Sigmoid, Sqrt, Squeeze, Sub, Tanh, Unsqueeze, Where } from '@tenon/graph/ops'
import type { Module, PoolingMode } from './sentence-transformers.js'

/** Weights of a dense module, by its path. */
export type DenseWeights = ReadonlyMap<string, ReadonlyMap<string, Constant>>

/** The output of the graph that `appendPooling` makes: [batch, dimensions]. */
export const SENTENCE_EMBEDDING = 'sentence_embedding'

/**
 * Grows an encoder's graph by what its folder says comes after it, so that one run returns the embeddings alone
 * and the token states never leave the backend.
 * @throws InvalidFileError, WeightMismatchError
 */
export function appendPooling(encoder: Graph, modules: readonly Module[], dense: DenseWeights, reference: string): Graph {
  const { builder, values } = extend(encoder)
  const states = values.get('last_hidden_state')
  const mask = values.get('attention_mask')
  if (states === undefined || mask === undefined) {
    throw new InvalidFileError({ path: reference, problem: 'has a graph without last_hidden_state or attention_mask', remedy: 'Export it as a base model (feature extraction)' })
  }
  let x = states
  for (const module of modules) {
    if (module.kind === 'pooling') x = pool(states, mask, module.modes)
    else if (module.kind === 'dense') x = denseLayer(x, module, dense.get(module.path) ?? new Map(), reference)
    else x = Div(x, Max([ReduceL2(x, integers(x, [-1])), scalar(x, SMALLEST_NORM)]))
  }
  builder.output(SENTENCE_EMBEDDING, x)
  return builder.build()
}

/** As torch.nn.functional.normalize. */
const SMALLEST_NORM = 1e-12

/** states: [batch, sequence, hidden], mask: [batch, sequence] → [batch, modes * hidden] */
function pool(states: Value, mask: Value, modes: readonly PoolingMode[]): Value {
  const counts = Cast(mask, { to: 'float32' })
  const vectors = modes.map((mode) => poolings[mode](states, counts))
  return vectors.length === 1 ? vectors[0]! : Concat(vectors, { axis: -1 })
}

const poolings: Record<PoolingMode, (states: Value, counts: Value) => Value> = {
  cls: (states) => Gather(states, integer(states, 0), { axis: 1 }), // by a scalar, which drops the axis
  max: (states, counts) => ReduceMax(Where(isPadding(counts), scalar(states, -1e9), states), integers(states, [1]), { keepdims: 0 }),
  mean: (states, counts) => weighted(states, counts, total(counts)),
  mean_sqrt_len_tokens: (states, counts) => weighted(states, counts, Sqrt(total(counts))),
  weightedmean: (states, counts) => {
    const weights = Mul(counts, Add(positions(counts), scalar(counts, 1)))
    return weighted(states, weights, total(weights))
  },
  lasttoken: (states, counts) => {
    const last = Sub(ReduceSum(counts, integers(counts, [1])), scalar(counts, 1)) // [batch, 1]
    return weighted(states, Cast(Equal(positions(counts), last), { to: 'float32' }), undefined)
  },
}

/** Σ weight · state, over a divisor: a matrix product, [batch, 1, sequence] × [batch, sequence, hidden]. */
function weighted(states: Value, weights: Value, divisor: Value | undefined): Value {
  const shares = divisor === undefined ? weights : Div(weights, divisor)
  return Squeeze(MatMul(Unsqueeze(shares, integers(states, [1])), states), integers(states, [1]))
}

/** Σ weights, [batch, 1]; the bound is sentence-transformers' own, against a text of no tokens. */
const total = (weights: Value): Value => Max([ReduceSum(weights, integers(weights, [1])), scalar(weights, 1e-9)])

/** 0, 1, 2, … for each token: [sequence] */
function positions(counts: Value): Value {
  const length = Squeeze(Shape(counts, { start: 1, end: 2 }), integers(counts, [0]))
  return Cast(Range(scalar(length, 0), length, scalar(length, 1)), { to: 'float32' })
}

/** [batch, sequence, 1] */
const isPadding = (counts: Value): Value => Unsqueeze(Equal(counts, scalar(counts, 0)), integers(counts, [-1]))

/** By the class names in `torch.nn.modules`. */
const activations: Readonly<Record<string, (x: Value) => Value>> = { Identity: (x) => Identity(x), Tanh: (x) => Tanh(x), ReLU: (x) => Relu(x), GELU: (x) => Gelu(x), Sigmoid: (x) => Sigmoid(x) }

function denseLayer(x: Value, { path, inputs, outputs, bias, activation }: Extract<Module, { kind: 'dense' }>, weights: ReadonlyMap<string, Constant>, reference: string): Value {
  const parameter = (name: string, expected: readonly number[]) => {
    const constant = weights.get(name)
    if (constant === undefined || constant.shape.join() !== expected.join()) throw new WeightMismatchError({ reference: `${reference}/${path}`, tensor: name, expected, actual: constant?.shape })
    return x.builder.constant(constant, `${path}.${name}`)
  }
  const apply = Object.hasOwn(activations, activation) ? activations[activation] : undefined
  if (apply === undefined) throw new InvalidFileError({ path: `${reference}/${path}/config.json`, problem: `names the activation '${activation}'`, remedy: `Known are: ${Object.keys(activations).join(', ')}` })
  return apply(Gemm(x, parameter('linear.weight', [outputs, inputs]), bias ? parameter('linear.bias', [outputs]) : undefined, { transB: 1 }))
}
