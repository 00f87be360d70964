import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Pad } from '../ops/indexing.js'
import { elementAt, joined } from './sizes.js'

/**
 * Zeros before and after these dimensions; amounts below 0 cut. Amounts are spelled for all dimensions: ONNX Runtime (1.30) carries a
 * Transpose through a Pad as if it had no axes, and then fails.
 */
export function padded(x: Value, axes: readonly number[], before: Value, after: Value): Value {
  const ofAll = (amounts: Value) => x.shape.map((_, axis) => (axes.includes(axis) ? elementAt(amounts, axes.indexOf(axis)) : integers(x, [0])))
  const pads = joined([...ofAll(before), ...ofAll(after)])
  return pads.elements?.every((size) => size === 0) ? x : Pad(x, pads)
}
