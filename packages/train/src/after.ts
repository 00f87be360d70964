import { scalar, type Value } from '@tenon/graph'
import { Add, Greater, Where } from '@tenon/graph/ops'

/**
 * A value, but not before another, a scalar, is there. Nothing is greater than infinity, so that 0 is added whatever the other is,
 * infinite or no number; yet no optimizer of graphs can tell, and take the dependence out.
 */
export function after(value: Value, other: Value): Value {
  return Add(value, Where(Greater(other, scalar(other, Infinity)), other, scalar(other, 0)))
}
