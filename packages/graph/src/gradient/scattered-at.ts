import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Cast, Mod, Mul } from '../ops/elementwise.js'
import { Concat, Expand, Reshape } from '../ops/movement.js'
import { ReduceSum } from '../ops/reduction.js'
import { scatteredAlong } from './scattered-along.js'
import { counting, inShapeOf, joined, reshape, sizeOf, times } from './sizes.js'

/** The gradient of `GatherND(x, indices)`: zeros in the shape of `x`, and `d` added where it came from. */
export function scatteredAt(d: Value, indices: Value, x: Value, batch = 0): Value {
  const told = withBatch(Cast(indices, { to: 'int64' }), batch)
  const count = Number(told.shape.at(-1))
  // The dimensions that indices tell are counted through as one.
  const sizes = Array.from({ length: count }, (_, axis) => sizeOf(x, axis))
  const one = integers(x, [1])
  const strides = sizes.map((_, axis) => sizes.slice(axis + 1).reduce(times, one))
  const places = ReduceSum(Mul(Mod(told, joined(sizes)), joined(strides)), integers(x, [-1]), { keepdims: 0 })
  const rest = x.shape.slice(count).map((_, axis) => sizeOf(x, axis + count))
  const flat = Reshape(places, integers(x, [-1]))
  const rows = reshape(d, joined([sizeOf(flat, 0), ...rest]))
  return inShapeOf(scatteredAlong(rows, 0, flat, sizes.reduce(times, one)), x)
}

/** Indices that tell the places in the batch dimensions too. */
function withBatch(indices: Value, batch: number): Value {
  if (batch === 0) return indices
  const rank = indices.shape.length
  const each = joined([...Array.from({ length: rank - 1 }, (_, axis) => sizeOf(indices, axis)), integers(indices, [1])])
  const own = Array.from({ length: batch }, (_, axis) => {
    const along = Reshape(counting(sizeOf(indices, axis)), integers(indices, Array.from({ length: rank }, (__, index) => (index === axis ? -1 : 1))))
    return Expand(along, each)
  })
  return Concat([...own, indices], { axis: -1 })
}
