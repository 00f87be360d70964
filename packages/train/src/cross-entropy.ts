import { InvalidOptionError, ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { integers, sameSize, scalar, type Value } from '@tenon/graph'
import { Add, Div, Equal, GatherElements, Less, LogSoftmax, Max, Mul, Neg, ReduceMean, ReduceSum, Squeeze, Unsqueeze, Where } from '@tenon/graph/ops'

export interface CrossEntropyOptions {
  /** The label of what does not count. -100 unless told, as in PyTorch. */
  readonly ignoreIndex?: number
  /** How much of the probability every class is to have, whatever the label says: 0, unless told, to 1. */
  readonly labelSmoothing?: number
}

/** More than there are classes of anything. */
const NO_CLASS = 2 ** 31 - 1

/**
 * The mean of −log softmax(logits)[label] over the labels that count; 0 where none does. Its gradient is
 * (softmax − one-hot) / count. A label that is no class fails the run, also a negative one.
 * @param logits A number per class along the last dimension: [batch, classes], [batch, sequence, classes], …
 * @param labels int64, of the logits' other dimensions.
 * @returns a scalar.
 * @throws ShapeMismatchError, TypeMismatchError, InvalidOptionError
 */
export function crossEntropy(logits: Value, labels: Value, { ignoreIndex = -100, labelSmoothing = 0 }: CrossEntropyOptions = {}): Value {
  checkShapes(logits, labels)
  if (!Number.isInteger(ignoreIndex)) throw new InvalidOptionError({ where: 'crossEntropy', option: 'ignoreIndex', problem: `is ${ignoreIndex}`, remedy: 'Pass a whole number' })
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new InvalidOptionError({ where: 'crossEntropy', option: 'labelSmoothing', problem: `is ${labelSmoothing}`, remedy: 'Pass a number from 0 to 1' })
  const ignored = Equal(labels, scalar(labels, ignoreIndex))
  // Indices below 0 would count from the end.
  const places = Where(ignored, scalar(labels, 0), Where(Less(labels, scalar(labels, 0)), scalar(labels, NO_CLASS), labels))
  const last = integers(logits, [-1])
  const scores = LogSoftmax(logits)
  const chosen = Squeeze(GatherElements(scores, Unsqueeze(places, last), { axis: -1 }), last)
  const smoothed = labelSmoothing === 0 ? chosen : Add(Mul(chosen, scalar(chosen, 1 - labelSmoothing)), Mul(ReduceMean(scores, last, { keepdims: 0 }), scalar(chosen, labelSmoothing)))
  const total = (counted: Value) => ReduceSum(Where(ignored, scalar(chosen, 0), counted), undefined, { keepdims: 0 })
  return Neg(Div(total(smoothed), Max([total(scalar(chosen, 1)), scalar(chosen, 1)])))
}

function checkShapes(logits: Value, labels: Value): void {
  if (labels.dtype !== 'int64') throw new TypeMismatchError({ op: 'crossEntropy', expected: 'int64 labels', actual: labels.dtype })
  const expected = logits.shape.slice(0, -1)
  if (labels.shape.length !== expected.length || expected.length === 0) throw new ShapeMismatchError({ op: 'crossEntropy', expected: `labels of the shape [${expected.join(', ')}], for logits of [${logits.shape.join(', ')}]`, actual: labels.shape })
  for (const [axis, size] of expected.entries()) sameSize('crossEntropy', `labels with size on axis ${axis} of`, size, labels.shape[axis]!)
}
