import { ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { integer, integers, scalar } from '../literals.js'
import { defineOp, type Value, type ValueType } from '../op.js'
import { sameSize, sameType } from '../shapes.js'
import { Add, Cast, Equal, Mul } from './elementwise.js'
import { Gather, Range, Shape, Squeeze } from './movement.js'
import { LayerNormalization } from './normalization.js'
import { DequantizeLinear } from './quantization.js'
import { ReduceSum } from './reduction.js'

/** Types of what both kinds make: the embeddings, [batch, sequence, hidden], the lengths, [batch], and the sum before it is normalized. */
function embedded(op: string, ids: ValueType, segments: ValueType | undefined, word: ValueType, tables: readonly (ValueType | undefined)[], dtype: ValueType['dtype']): ValueType[] {
  if (ids.dtype !== 'int32' && ids.dtype !== 'int64') throw new TypeMismatchError({ op, expected: 'ids of int32', actual: ids.dtype })
  sameType(op, ids, segments)
  if (ids.shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'ids of [batch, sequence]', actual: ids.shape })
  for (const table of [word, ...tables]) {
    if (table === undefined) continue
    if (table.shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'tables of [rows, hidden]', actual: table.shape })
    sameSize(op, 'tables with a hidden size of', word.shape[1]!, table.shape[1]!)
  }
  const shape = [...ids.shape, word.shape[1]!]
  return [{ dtype, shape }, { dtype: 'int32', shape: [ids.shape[0]!] }, { dtype, shape }]
}

/** How many tokens count, where the mask is 1: [batch, sequence] → [batch]. Without a mask it is 0, as ONNX Runtime has it. */
function lengths(ids: Value, mask: Value | undefined): Value {
  const counts = mask === undefined ? Mul(ids, scalar(ids, 0)) : Equal(mask, scalar(mask, 1))
  return ReduceSum(Cast(counts, { to: 'int32' }), integers(ids, [1]), { keepdims: 0 })
}

/**
 * LayerNormalization of the sum of a word's, a position's and a segment's embedding. The second output is how many tokens
 * of each text count, by the mask; the third the sum.
 */
export const EmbedLayerNormalization = defineOp('com.microsoft::EmbedLayerNormalization', {
  since: 1,
  inputs: ['input_ids', 'segment_ids?', 'word_embedding', 'position_embedding', 'segment_embedding?', 'gamma', 'beta', 'mask?', 'position_ids?'],
  outputs: ['output', 'mask_index?', 'embedding_sum?'],
  attributes: { epsilon: { type: 'float', default: 1e-12 }, mask_index_type: { type: 'int', default: 0 } },
  infer: ([ids, segments, word, position, segment], _, { op, outputs }) => embedded(op, ids, segments, word, [position, segment], word.dtype).slice(0, outputs),
  decompose: ([ids, segments, word, position, segment, gamma, beta, mask, positions], { epsilon }, { outputs }) => {
    const order = positions ?? Range(integer(ids, 0), Squeeze(Shape(ids, { start: 1 })), integer(ids, 1))
    const sum = Add(Gather(word, ids), Gather(position, order))
    const total = segments === undefined || segment === undefined ? sum : Add(sum, Gather(segment, segments))
    const normalized = LayerNormalization(total, gamma, beta, { epsilon })
    return [normalized, ...(outputs > 1 ? [lengths(ids, mask)] : []), ...(outputs > 2 ? [total] : [])]
  },
})

/** EmbedLayerNormalization with tables of 8-bit integers. */
export const QEmbedLayerNormalization = defineOp('com.microsoft::QEmbedLayerNormalization', {
  since: 1,
  inputs: [
    'input_ids', 'segment_ids?', 'word_embedding_quant', 'position_embedding_quant', 'segment_embedding?', 'gamma_quant', 'beta_quant', 'mask?',
    'word_embedding_scale', 'position_embedding_scale', 'segment_embedding_scale?', 'gamma_scale', 'beta_scale',
    'word_embedding_zero_point', 'position_embedding_zero_point', 'segment_embedding_zero_point?', 'gamma_zero_point', 'beta_zero_point',
  ],
  outputs: ['layernorm_out', 'mask_index_out'],
  attributes: { epsilon: { type: 'float', default: 1e-12 } },
  infer: ([ids, segments, word, position, segment, , , , scale], _, { op, outputs }) => embedded(op, ids, segments, word, [position, segment], scale.dtype).slice(0, Math.min(outputs, 2)),
  decompose: ([ids, segments, word, position, segment, gamma, beta, mask, ...parameters], { epsilon }, { outputs }) => {
    const tables = [word, position, segment, gamma, beta].map((table, index) => table && DequantizeLinear(table, parameters[index]!, parameters[index + 5]))
    return ids.builder.emit(EmbedLayerNormalization, [ids, segments, tables[0], tables[1], tables[2], tables[3], tables[4], mask], { epsilon }, Math.min(outputs, 2))
  },
})
