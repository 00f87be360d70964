import { ShapeMismatchError } from '@tenon/core'
import { sameSize, type Value } from '@tenon/graph'
import { Mul, ReduceMean, Sub } from '@tenon/graph/ops'

/**
 * The mean of the squared differences: for scores to be learnt, such as a similarity.
 * @param targets Of the predictions' shape and type.
 * @returns a scalar.
 * @throws ShapeMismatchError, TypeMismatchError
 */
export function meanSquaredError(predictions: Value, targets: Value): Value {
  if (predictions.shape.length !== targets.shape.length) throw new ShapeMismatchError({ op: 'meanSquaredError', expected: predictions.shape, actual: targets.shape })
  for (const [axis, size] of predictions.shape.entries()) sameSize('meanSquaredError', `targets with size on axis ${axis} of`, size, targets.shape[axis]!)
  const away = Sub(predictions, targets)
  return ReduceMean(Mul(away, away), undefined, { keepdims: 0 })
}
