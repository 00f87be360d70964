import { viewAs, type Constant, type Dimension } from '@tenon/core'

/** Longest integer constant whose elements shape inference follows: shapes have a handful of dimensions. */
const LONGEST = 16

/** The elements of a small integer constant, as sizes; booleans are 0 and 1. */
export function elementsOf({ dtype, shape, inline }: Constant): readonly Dimension[] | undefined {
  if (inline === undefined || shape.length > 1 || (shape[0] ?? 1) > LONGEST) return undefined
  if (dtype !== 'int64' && dtype !== 'int32' && dtype !== 'bool') return undefined
  return Array.from(viewAs(dtype, inline), Number)
}
