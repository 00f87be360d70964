import { ShapeMismatchError } from '@tenon/core'
import { product } from '../dimension.js'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { And, Cast, GreaterOrEqual, Less, Mul, Sub } from './elementwise.js'
import { Range, Reshape, Shape, Split, Squeeze, Unsqueeze } from './movement.js'

/**
 * A mask as numbers to add to scores [batch, heads, queries, keys]: 0 where a key counts and `filler` where it is padding. The
 * mask's form tells what it holds: [batch, keys] and [batch, queries, keys] are 0 for padding, [batch] are lengths of texts, and
 * [2 * batch] their ends and then their starts. `keys` is [batch, keys, …]; the type is `like`'s.
 */
export function additiveMask(op: string, mask: Value, keys: Value, like: Value, filler: number): Value {
  const rank = mask.shape.length
  if (rank < 1 || rank > 3) throw new ShapeMismatchError({ op, expected: 'a mask of 1 to 3 dimensions', actual: mask.shape })
  const counts = Cast(rank === 1 ? insideTexts(mask, keys) : mask, { to: like.dtype })
  return Unsqueeze(Mul(Sub(scalar(counts, 1), counts), scalar(counts, filler)), integers(mask, rank === 3 ? [1] : [1, 2]))
}

/** Of a mask of one dimension: whether a position is in its text, [batch, keys]. */
export function insideTexts(mask: Value, keys: Value): Value {
  const length = Shape(keys, { start: 1, end: 2 })
  const positions = Cast(Range(scalar(length, 0), Squeeze(length), scalar(length, 1)), { to: mask.dtype })
  if (mask.shape[0] !== product(2, keys.shape[0]!)) return Less(positions, Unsqueeze(mask, integers(mask, [1])))
  const halves = mask.builder.emit(Split, [Reshape(mask, integers(mask, [2, -1, 1]))], { axis: 0, num_outputs: 2 }, 2)
  const [ends, starts] = halves.map((half) => Squeeze(half, integers(mask, [0]))) as [Value, Value]
  return And(Less(positions, ends), GreaterOrEqual(positions, starts))
}
