import { integers, scalar, type Value } from '@tenon/graph'
import { Add, Cast, Concat, CumSum, Equal, Gather, GatherBlockQuantized, Gemm, LayerNormalization, MatMulNBits, Mul, MultiHeadAttention, Not, Reshape, Shape, SimplifiedLayerNormalization, Slice } from '@tenon/graph/ops'
import type { Texts } from './texts.js'
import type { Weights } from './weights.js'

interface LinearOptions {
  readonly bias?: boolean
  /** Whether the weight is stored as [in, out]. */
  readonly transposed?: boolean
}

/** [rows, in] → [rows, out], with the weight as PyTorch stores it, [out, in]; one that is stored in a few bits stays so. */
export function linear(w: Weights, x: Value, size: number, { bias = true, transposed = false }: LinearOptions = {}): Value {
  const inner = x.shape.at(-1) as number
  const added = () => (bias ? w.get('bias', [size]) : undefined)
  const blocks = w.blocks('weight', [size, inner], transposed)
  if (blocks === undefined) return transposed ? Gemm(x, w.get('weight', [inner, size]), added()) : Gemm(x, w.get('weight', [size, inner]), added(), { transB: 1 })
  const { codes, scales, zeroPoints, bits, blockSize } = blocks
  return MatMulNBits(x, codes, scales, zeroPoints, undefined, added(), { N: size, K: inner, bits, block_size: blockSize, accuracy_level: INT8_ACTIVATIONS })
}

/** MatMulNBits may round its input to 8 bits, block by block: 1.4 times as fast as with floats (ONNX Runtime 1.30 on AVX-512 with VNNI). */
const INT8_ACTIVATIONS = 4

/** One row of the table for each id. */
export function embedding(w: Weights, ids: Value, rows: number, size: number): Value {
  const blocks = w.blocks('weight', [rows, size])
  if (blocks === undefined) return Gather(w.get('weight', [rows, size]), ids)
  const { codes, scales, zeroPoints, bits, blockSize } = blocks
  const table = Reshape(codes, integers(codes, [rows, -1]))
  return GatherBlockQuantized(table, ids, scales, zeroPoints, { bits, block_size: blockSize })
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

/** x / √(mean of x²), scaled (Zhang and Sennrich 2019). */
export function rmsNorm(w: Weights, x: Value, epsilon: number): Value {
  return SimplifiedLayerNormalization(x, w.get('weight', [x.shape.at(-1) as number]), { epsilon })
}

/**
 * [batch, sequence, …] of the input that gives a batch its shape. Token-wise layers run on rows,
 * [batch * sequence, hidden], since a matrix product wants a matrix; these two go there and back.
 */
export function toRows(x: Value): Value {
  return Reshape(x, integers(x, [-1, x.shape.at(-1) as number]))
}

/** Of the ids of texts, the shapes that rows have when they are texts again, by their size: made once for all layers. */
const shapesOf = new WeakMap<Value, Map<number, Value>>()

/** [batch * sequence, size] → [batch, sequence, size], for the batch and sequence of `ids`. */
export function fromRows(x: Value, ids: Value): Value {
  const size = x.shape.at(-1) as number
  const shapes = shapesOf.get(ids) ?? new Map<number, Value>()
  shapesOf.set(ids, shapes)
  const shape = shapes.get(size) ?? Concat([Shape(ids), integers(x, [size])], { axis: 0 })
  shapes.set(size, shape)
  return Reshape(x, shape)
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
