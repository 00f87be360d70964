import { ShapeMismatchError, TypeMismatchError, type Dimension } from '@tenon/core'
import { integer, integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { sameSize, sameType } from '../shapes.js'
import { RotaryEmbedding } from './attention.js'
import { Add, And, Cast, Div, Equal, Greater, LessOrEqual, Mul, Sub, Tanh, Where } from './elementwise.js'
import { ScatterElements } from './indexing.js'
import { MatMul } from './linalg.js'
import { Concat, Expand, Range, Reshape, Shape, Split, Squeeze, Transpose, Unsqueeze } from './movement.js'
import { Softmax } from './normalization.js'

const OP = 'GroupQueryAttention'
/** The lowest float32: what a place that is not seen scores. */
const LOWEST = -3.4028234663852886e38

/**
 * Causal attention in which groups of query heads share a key and a value (Ainslie et al. 2023), over a cache of those of
 * earlier tokens. Queries are [batch, sequence, num_heads * size], keys and values [batch, sequence, kv_num_heads * size], or
 * all three packed in the first input. The cache is a buffer [batch, kv_num_heads, capacity, size] with room for all tokens, in
 * which the new ones' rows are written; a cache that is as long as the past, and is made anew, is not modelled here.
 * `seqlens_k`, int32 [batch], is how many tokens each text has by now, less one, `total_sequence_length` the most of them.
 * With `do_rotary`, queries and new keys are turned by the rows of the two caches, [positions, turned / 2], at their positions.
 * A token sees the last `local_window_size` tokens, itself among them, where that is not negative.
 */
export const GroupQueryAttention = defineOp('com.microsoft::GroupQueryAttention', {
  since: 1,
  inputs: ['query', 'key?', 'value?', 'past_key?', 'past_value?', 'seqlens_k', 'total_sequence_length', 'cos_cache?', 'sin_cache?'],
  outputs: ['output', 'present_key', 'present_value'],
  attributes: {
    num_heads: { type: 'int', required: true },
    kv_num_heads: { type: 'int', required: true },
    scale: { type: 'float', default: 0 },
    softcap: { type: 'float', default: 0 },
    do_rotary: { type: 'int', default: 0 },
    rotary_interleaved: { type: 'int', default: 0 },
    local_window_size: { type: 'int', default: -1 },
  },
  inPlace: { 1: [3], 2: [4] },
  infer: ([query, key, value, pastKey, pastValue, lengths, total, cos, sin], attributes, { outputs }) => {
    sameType(OP, query, key, value, pastKey, pastValue, cos, sin)
    const { heads, kvHeads, size } = headsOf(query, key, attributes)
    for (const projection of [key, value]) if (projection !== undefined) projection.shape.forEach((each, axis) => sameSize(OP, `keys and values with size on axis ${axis} of`, axis < 2 ? query.shape[axis]! : kvHeads * size, each))
    if ((key === undefined) !== (value === undefined) || (pastKey === undefined) !== (pastValue === undefined) || (cos === undefined) !== (sin === undefined)) {
      throw new ShapeMismatchError({ op: OP, expected: 'keys with values, in the past too, and cosines with sines', actual: 'one without the other' })
    }
    if (attributes.do_rotary && cos === undefined) throw new ShapeMismatchError({ op: OP, expected: 'cos_cache and sin_cache, as do_rotary is set', actual: 'none' })
    for (const each of [lengths, total]) if (each.dtype !== 'int32') throw new TypeMismatchError({ op: OP, expected: 'lengths of int32', actual: each.dtype })
    sameSize(OP, 'seqlens_k of', query.shape[0]!, lengths.shape[0]!)
    for (const past of [pastKey, pastValue]) {
      if (past === undefined) continue
      if (past.shape.length !== 4) throw new ShapeMismatchError({ op: OP, expected: '[batch, kv_num_heads, capacity, size]', actual: past.shape })
      for (const [axis, expected] of [[0, query.shape[0]!], [1, kvHeads], [3, size]] as const) sameSize(OP, `a cache with size on axis ${axis} of`, expected, past.shape[axis]!)
    }
    const present = (past: typeof pastKey): { readonly dtype: typeof query.dtype; readonly shape: readonly Dimension[] } => ({ dtype: query.dtype, shape: past?.shape ?? [query.shape[0]!, kvHeads, query.shape[1]!, size] })
    return [{ dtype: query.dtype, shape: [query.shape[0]!, query.shape[1]!, heads * size] }, present(pastKey), present(pastValue)].slice(0, outputs)
  },
  decompose: ([packed, givenKey, givenValue, pastKey, pastValue, lengths, total, cos, sin], attributes, { outputs }) => {
    const { heads, kvHeads, size } = headsOf(packed, givenKey, attributes)
    const { scale, softcap, do_rotary: rotary, rotary_interleaved: interleaved, local_window_size: reach } = attributes
    const [query, key, value] = givenKey === undefined || givenValue === undefined
      ? (packed.builder.emit(Split, [packed, integers(packed, [heads * size, kvHeads * size, kvHeads * size])], { axis: -1 }, 3) as [Value, Value, Value])
      : [packed, givenKey, givenValue]
    const positions = positionsOf(query, lengths, total) // [batch, sequence]
    const turn = (x: Value, count: number) =>
      rotary && cos !== undefined && sin !== undefined ? RotaryEmbedding(x, positions, cos, sin, { interleaved, num_heads: count, rotary_embedding_dim: 2 * numberOf(cos.shape[1]!) }) : x
    const split = (x: Value, count: number) => Transpose(Reshape(x, integers(x, [0, 0, count, size])), { perm: [0, 2, 1, 3] }) // [batch, count, sequence, size]
    const newKey = split(turn(key, kvHeads), kvHeads)
    const newValue = split(value, kvHeads)
    const place = pastKey === undefined ? undefined : Expand(Unsqueeze(positions, integers(packed, [1, 3])), Shape(newKey))
    const [keys, values] = [[pastKey, newKey], [pastValue, newValue]].map(([past, rows]) => (past === undefined || place === undefined ? rows! : ScatterElements(past, place, rows!, { axis: 2 }))) as [Value, Value] // [batch, kv heads, capacity, size]

    const scaled = Mul(split(turn(query, heads), heads), scalar(query, scale === 0 ? 1 / Math.sqrt(size) : scale))
    const grouped = Reshape(scaled, integers(query, [0, kvHeads, -1, size])) // [batch, kv heads, group * sequence, size]
    const products = MatMul(grouped, Transpose(keys, { perm: [0, 1, 3, 2] })) // [batch, kv heads, group * sequence, capacity]
    const capacity = Shape(keys, { start: 2, end: 3 })
    const perHead = Concat([Shape(query, { end: 1 }), integers(query, [heads]), Shape(query, { start: 1, end: 2 }), capacity], { axis: 0 })
    const raw = Reshape(products, perHead) // [batch, heads, sequence, capacity]
    const scores = softcap === 0 ? raw : Mul(Tanh(Div(raw, scalar(raw, softcap))), scalar(raw, softcap))
    const column = Unsqueeze(positions, integers(query, [1, 3])) // [batch, 1, sequence, 1]
    const places = Range(integer(query, 0), Squeeze(capacity), integer(query, 1)) // [capacity]
    const earlier = LessOrEqual(places, column)
    const seen = reach < 0 ? earlier : And(earlier, Greater(places, Sub(column, scalar(column, reach))))
    const weights = Softmax(Where(seen, scores, scalar(scores, LOWEST)))
    const mixed = MatMul(Reshape(weights, Shape(products)), values) // [batch, kv heads, group * sequence, size]
    const apart = Reshape(mixed, Concat([Shape(query, { end: 1 }), integers(query, [heads]), Shape(query, { start: 1, end: 2 }), integers(query, [size])], { axis: 0 }))
    const output = Reshape(Transpose(apart, { perm: [0, 2, 1, 3] }), integers(query, [0, 0, heads * size]))
    return [output, keys, values].slice(0, outputs)
  },
})

function numberOf(size: Dimension): number {
  if (typeof size !== 'number') throw new ShapeMismatchError({ op: OP, expected: 'a size known ahead', actual: size })
  return size
}

interface Heads {
  readonly num_heads?: number | undefined
  readonly kv_num_heads?: number | undefined
}

function headsOf(query: { readonly shape: readonly Dimension[] }, key: object | undefined, { num_heads: heads, kv_num_heads: kvHeads }: Heads): { readonly heads: number; readonly kvHeads: number; readonly size: number } {
  if (query.shape.length !== 3) throw new ShapeMismatchError({ op: OP, expected: '[batch, sequence, heads * size]', actual: query.shape })
  const all = key === undefined ? heads! + 2 * kvHeads! : heads!
  const size = numberOf(query.shape[2]!) / all
  if (!Number.isInteger(heads! / kvHeads!) || !Number.isInteger(size)) throw new ShapeMismatchError({ op: OP, expected: `a hidden size that ${all} heads share, and heads that ${kvHeads} keys share`, actual: query.shape })
  return { heads: heads!, kvHeads: kvHeads!, size }
}

/**
 * Where in its text each new token stands: [batch, sequence]. The last of them is the text's last, but where there is no past, and
 * shorter texts are padded behind.
 */
function positionsOf(query: Value, lengths: Value, total: Value): Value {
  const sequence = Squeeze(Shape(query, { start: 1, end: 2 }), integers(query, [0]))
  const behind = Sub(Add(Cast(lengths, { to: 'int64' }), scalar(sequence, 1)), sequence) // [batch]
  const first = Where(Equal(Squeeze(Cast(total, { to: 'int64' })), sequence), scalar(sequence, 0), behind)
  return Add(Unsqueeze(first, integers(query, [1])), Range(integer(query, 0), sequence, integer(query, 1)))
}
