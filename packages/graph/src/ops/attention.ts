import { inlineConstant, ShapeMismatchError, type Dimension } from '@tenon/core'
import { sum } from '../dimension.js'
import { integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { sameSize, sameType } from '../shapes.js'
import { Add, Cast, Less, Mul, Sub, Where } from './elementwise.js'
import { MatMul } from './linalg.js'
import { Concat, Range, Reshape, Shape, Slice, Squeeze, Transpose, Unsqueeze } from './movement.js'
import { Softmax } from './normalization.js'

/**
 * softmax(QKᵀ · scale + masks) V per head, over projections that are packed head by head along the last dimension.
 * `key_padding_mask` is [batch, keys], 0 where a key is padding; `attention_bias` is added to the scores and
 * broadcasts over batch and heads; `bias` holds those of the three projections, one after another. Past keys are not
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
    if (mask !== undefined && mask.shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'a key_padding_mask of [batch, keys]', actual: mask.shape })
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
    const masks = [bias, mask && additiveMask(mask, query, filler), unidirectional ? causalMask(query, key, filler) : undefined]
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

function sizeOf(dimension: Dimension): number {
  if (typeof dimension !== 'number') throw new ShapeMismatchError({ op: 'MultiHeadAttention', expected: 'a hidden size known ahead', actual: dimension })
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

const integer = (near: Value, value: number) => near.builder.constant(inlineConstant('int64', [], BigInt64Array.of(BigInt(value))))

/** 0 where a key counts and `filler` where it is padding: [batch, keys] → [batch, 1, 1, keys] */
function additiveMask(mask: Value, like: Value, filler: number): Value {
  const counts = Cast(mask, { to: like.dtype })
  return Unsqueeze(Mul(Sub(scalar(counts, 1), counts), scalar(counts, filler)), integers(mask, [1, 2]))
}
