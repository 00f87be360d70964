import { integers, scalar, type Value } from '@tenon/graph'
import { Add, Cast, Concat, CumSum, Equal, Gather, Gemm, LayerNormalization, Mul, MultiHeadAttention, Not, Reshape, Shape, Slice } from '@tenon/graph/ops'
import type { Texts } from './texts.js'
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

/** The row of each place in a text, from the first on: [sequence, size] */
export function positions(w: Weights, ids: Value, rows: number, size: number): Value {
  const table = w.get('weight', [rows, size])
  const length = Shape(ids, { start: 1, end: 2 })
  return Slice(table, integers(ids, [0]), length, integers(ids, [0]))
}

/**
 * RoBERTa's positions: the first token that is no padding has the one after the padding's own, which all padding has.
 * ids, and so the result: [batch, sequence]
 */
export function positionsAfter(padding: number, ids: Value): Value {
  const counts = Cast(Not(Equal(ids, scalar(ids, padding))), { to: 'int64' })
  return Add(Mul(CumSum(counts, scalar(ids, 1)), counts), scalar(ids, padding))
}

export function layerNorm(w: Weights, x: Value, epsilon: number, { bias = true } = {}): Value {
  const size = [x.shape.at(-1) as number]
  return LayerNormalization(x, w.get('weight', size), bias ? w.get('bias', size) : undefined, { epsilon })
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

/** The lowest float32, which `transformers` adds to the scores of padding. */
export const LOWEST = -3.4028234663852886e38

/**
 * Every token attends to all tokens of its text: softmax(QKᵀ / √size) V per head.
 * x: [batch * sequence, hidden], and so is the result.
 * @param projections Where those to query, key and value are, in this order.
 */
export function selfAttention(projections: readonly [Weights, Weights, Weights], x: Value, heads: number, { ids, mask }: Texts): Value {
  const project = (w: Weights) => fromRows(linear(w, x, x.shape.at(-1) as number), ids) // [batch, sequence, heads * size]
  const [query, key, value] = projections
  const mixed = MultiHeadAttention(project(query), project(key), project(value), undefined, Cast(mask, { to: 'int32' }), undefined, { num_heads: heads, mask_filter_value: LOWEST })
  return toRows(mixed)
}
