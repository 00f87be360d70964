import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Pad } from '../ops/indexing.js'
import { joined } from './sizes.js'

/** Zeros before and after these dimensions; amounts below 0 cut. */
export function padded(x: Value, axes: readonly number[], before: Value, after: Value): Value {
  const pads = joined([before, after])
  return pads.elements?.every((size) => size === 0) ? x : Pad(x, pads, undefined, integers(x, axes))
}
