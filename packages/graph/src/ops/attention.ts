import { ShapeMismatchError, type Dimension } from '@tenon/core'
import { sum } from '../dimension.js'
import { integer, integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { sameSize, sameType } from '../shapes.js'
import { additiveMask } from './attention-mask.js'
import { Add, Less, Mul, Sub, Where } from './elementwise.js'
import { MatMul } from './linalg.js'
import { Concat, Gather, Range, Reshape, Shape, Slice, Split, Squeeze, Transpose, Unsqueeze } from './movement.js'
import { Softmax } from './normalization.js'

/**
 * softmax(QKᵀ · scale + masks) V per head, over projections that are packed head by head along the last dimension.
 * `key_padding_mask` is [batch, keys], 0 where a key is padding, or of the other forms in attention-mask.ts; `attention_bias`
 * is added to the scores and broadcasts over batch and heads; `bias` holds those of the three projections, one after another. Past keys are not
 * modelled here.
 */
export const MultiHeadAttention = defineOp('com.microsoft::MultiHeadAttention', {
  since: 1,
  inputs: ['query', 'key', 'value', 'bias?', 'key_padding_mask?', 'attention_bias?'],
  attributes: {
    num_heads: { type: 'int', required: true },
    scale: { type: 'float' },
    mask_filter_value: { type: 'float', default: -10000 },
    unidirectional: { type: 'int', default: 0 },
  },
  infer: ([query, key, value, bias, mask], { num_heads: heads }) => {
    const op = 'MultiHeadAttention'
    sameType(op, query, key, value)
    for (const { shape } of [query, key, value]) if (shape.length !== 3) throw new ShapeMismatchError({ op, expected: '[batch, sequence, heads * size]', actual: shape })
    sameSize(op, 'a hidden size of', query.shape[2]!, key.shape[2]!)
    sameSize(op, 'a key length of', key.shape[1]!, value.shape[1]!)
    if (mask !== undefined && (mask.shape.length < 1 || mask.shape.length > 3)) throw new ShapeMismatchError({ op, expected: 'a key_padding_mask of [batch, keys], [batch] or [batch, queries, keys]', actual: mask.shape })
    for (const { shape } of [query, value]) {
      const hidden = shape[2]!
      if (typeof hidden === 'number' && hidden % heads! !== 0) throw new ShapeMismatchError({ op, expected: `a hidden size that ${heads} heads share`, actual: shape })
    }
    if (bias !== undefined) sameSize(op, 'a bias of', [query, key, value].map(({ shape }) => shape[2]!).reduce(sum), bias.shape[0]!)
    return { dtype: query.dtype, shape: [query.shape[0]!, query.shape[1]!, value.shape[2]!] }
  },
  decompose: ([rawQuery, rawKey, rawValue, biases, mask, bias], { num_heads: heads, scale, mask_filter_value: filler, unidirectional }) => {
    const [query, key, value] = biased([rawQuery, rawKey, rawValue], biases)
    const size = sizeOf(query.shape[2]!) / heads!
    const scaled = Mul(splitHeads(query, heads!, size), scalar(query, scale ?? 1 / Math.sqrt(size)))
    const scores = MatMul(scaled, Transpose(splitHeads(key, heads!, size), { perm: [0, 1, 3, 2] })) // [batch, heads, queries, keys]
    const masks = [bias, mask && additiveMask('MultiHeadAttention', mask, key, query, filler), unidirectional ? causalMask(query, key, filler) : undefined]
    const masked = masks.filter((each) => each !== undefined).reduce((sum, each) => Add(sum, each), scores)
    const mixed = MatMul(Softmax(masked), splitHeads(value, heads!, sizeOf(value.shape[2]!) / heads!))
    return mergeHeads(mixed, query, sizeOf(value.shape[2]!))
  },
})

/** The projections with their parts of the bias, which lie one behind another. */
function biased(projections: readonly [Value, Value, Value], bias: Value | undefined): readonly [Value, Value, Value] {
  if (bias === undefined) return projections
  let start = 0
  const add = (x: Value): Value => {
    const end = start + sizeOf(x.shape[2]!)
    const part = Slice(bias, integers(x, [start]), integers(x, [end]))
    start = end
    return Add(x, part)
  }
  return [add(projections[0]), add(projections[1]), add(projections[2])]
}

function sizeOf(dimension: Dimension, op = 'MultiHeadAttention'): number {
  if (typeof dimension !== 'number') throw new ShapeMismatchError({ op, expected: 'a hidden size known ahead', actual: dimension })
  return dimension
}

/** [batch, sequence, heads · size] → [batch, heads, sequence, size] */
function splitHeads(x: Value, heads: number, size: number): Value {
  return Transpose(Reshape(x, integers(x, [0, 0, heads, size])), { perm: [0, 2, 1, 3] })
}

/** [batch, heads, sequence, size] → [batch, sequence, heads · size] */
function mergeHeads(x: Value, like: Value, hidden: number): Value {
  return Reshape(Transpose(x, { perm: [0, 2, 1, 3] }), Concat([Shape(like, { end: 2 }), integers(x, [hidden])], { axis: 0 }))
}

/** 0 where a key is no later than the query and `filler` where it is: [queries, keys] */
function causalMask(query: Value, key: Value, filler: number): Value {
  const positions = (x: Value) => Range(integer(x, 0), Squeeze(Shape(x, { start: 1, end: 2 })), integer(x, 1))
  const later = Less(Unsqueeze(positions(query), integers(query, [1])), positions(key))
  return Where(later, scalar(query, filler), scalar(query, 0))
}

/**
 * Turns pairs of numbers of a head by angles that grow with the position (Su et al. 2021): number i with number
 * i + size / 2, or with its neighbour where `interleaved`. The input is [batch, sequence, heads * size], with `num_heads`
 * where not all of a head is turned, or [batch, heads, sequence, size]. `position_ids` is the first position, [1], or those
 * of all tokens, [batch, sequence]; the caches are [positions, turned / 2]. Packed batches and `scale` are not modelled here.
 */
export const RotaryEmbedding = defineOp('com.microsoft::RotaryEmbedding', {
  since: 1,
  inputs: ['input', 'position_ids', 'cos_cache', 'sin_cache'],
  outputs: ['output'],
  attributes: {
    interleaved: { type: 'int', default: 0 },
    num_heads: { type: 'int', default: 0 },
    rotary_embedding_dim: { type: 'int', default: 0 },
  },
  infer: ([x, positions, cos, sin], { num_heads: heads, rotary_embedding_dim: part }) => {
    const op = 'RotaryEmbedding'
    sameType(op, x, cos, sin)
    if (x.shape.length !== 3 && x.shape.length !== 4) throw new ShapeMismatchError({ op, expected: '[batch, sequence, heads * size] or [batch, heads, sequence, size]', actual: x.shape })
    if (positions.shape.length !== 1 && positions.shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'position_ids of [1] or [batch, sequence]', actual: positions.shape })
    if (cos.shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'caches of [positions, turned / 2]', actual: cos.shape })
    for (const axis of [0, 1]) sameSize(op, 'a cache of sines with the size of the cosines,', cos.shape[axis]!, sin.shape[axis]!)
    if (part > 0) sameSize(op, 'caches of', part / 2, cos.shape[1]!)
    const { size, turned } = headOf(x.shape, cos.shape, heads, part)
    if (turned > size || lastOf(x.shape) % size !== 0) throw new ShapeMismatchError({ op, expected: `heads of at least ${turned} numbers`, actual: x.shape })
    return { dtype: x.dtype, shape: x.shape }
  },
  decompose: ([x, positions, cosines, sines], { interleaved, num_heads: heads, rotary_embedding_dim: part }) => {
    const { size, turned } = headOf(x.shape, cosines.shape, heads, part)
    const flat = x.shape.length === 3
    const whole = flat ? Reshape(x, integers(x, [0, 0, lastOf(x.shape) / size, size])) : x // [batch, sequence, heads, size] or [batch, heads, sequence, size]
    const [front, rest] = turned < size ? split(whole, [turned, size - turned]) : [whole]
    const pairs = interleaved ? Reshape(front!, integers(x, [0, 0, 0, turned / 2, 2])) : front!
    const [a, b] = (interleaved ? split(pairs, [1, 1]).map((each) => Squeeze(each, integers(x, [-1]))) : split(pairs, [turned / 2, turned / 2])) as [Value, Value]
    const [cos, sin] = [cosines, sines].map((cache) => Unsqueeze(anglesAt(cache, positions, x), integers(x, [flat ? -2 : -3]))) as [Value, Value]
    const turnedPairs = [Sub(Mul(a, cos), Mul(b, sin)), Add(Mul(a, sin), Mul(b, cos))]
    const back = interleaved ? Reshape(Concat(turnedPairs.map((each) => Unsqueeze(each, integers(x, [-1]))), { axis: -1 }), integers(x, [0, 0, 0, turned])) : Concat(turnedPairs, { axis: -1 })
    const output = rest === undefined ? back : Concat([back, rest], { axis: -1 })
    return flat ? Reshape(output, integers(x, [0, 0, lastOf(x.shape)])) : output
  },
})

/** The size of a head, and how much of it is turned. */
function headOf(shape: readonly Dimension[], cache: readonly Dimension[], heads: number, part: number): { readonly size: number; readonly turned: number } {
  const turned = part > 0 ? part : 2 * lastOf(cache)
  return { size: shape.length === 4 ? lastOf(shape) : heads > 0 ? lastOf(shape) / heads : turned, turned }
}

const lastOf = (shape: readonly Dimension[]) => sizeOf(shape.at(-1)!, 'RotaryEmbedding')

/** The rows of a cache for all tokens: [sequence, turned / 2], or [batch, sequence, turned / 2] where each text has positions of its own. */
function anglesAt(cache: Value, positions: Value, x: Value): Value {
  if (positions.shape.length === 2) return Gather(cache, positions)
  const axis = x.shape.length - 2
  const length = Squeeze(Shape(x, { start: axis, end: axis + 1 }))
  return Gather(cache, Add(Range(integer(x, 0), length, integer(x, 1)), positions))
}

/** Parts of the last axis. */
const split = (x: Value, sizes: readonly number[]): readonly Value[] => x.builder.emit(Split, [x, integers(x, sizes)], { axis: -1 }, sizes.length)
