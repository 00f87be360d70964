import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Less, Max, Min, Where } from '../ops/elementwise.js'
import { Slice } from '../ops/movement.js'
import { axisIndex } from '../shapes.js'
import { padded } from './padded.js'
import { scatteredAlong } from './scattered-along.js'
import { counting, elementAt, joined, minus, plus, sizeOf } from './sizes.js'

interface Cut {
  readonly starts: Value
  readonly ends: Value
  readonly axes?: Value | undefined
  readonly steps?: Value | undefined
}

/** The gradient of a slice of `x`: zeros around it, and with steps, between its elements. */
export function unsliced(x: Value, d: Value, { starts, ends, axes, steps }: Cut): Value {
  const along = axes === undefined ? Array.from({ length: Number(starts.shape[0]) }, (_, axis) => axis) : (axes.elements as number[]).map((axis) => axisIndex('Slice', axis, x.shape.length))
  const isPlain = (index: number) => steps === undefined || steps.elements?.[index] === 1
  let gradient = d
  for (const [index, axis] of along.entries()) {
    if (isPlain(index)) continue
    const size = sizeOf(x, axis)
    const all = counting(size)
    const places = Slice(all, elementAt(starts, index), elementAt(ends, index), integers(all, [0]), elementAt(steps!, index))
    gradient = scatteredAlong(gradient, axis, places, size)
  }
  const plain = along.flatMap((axis, index) => (isPlain(index) ? [{ axis, before: firstOf(elementAt(starts, index), sizeOf(x, axis)) }] : []))
  if (plain.length === 0) return gradient
  const after = plain.map(({ axis, before }) => minus(sizeOf(x, axis), plus(before, sizeOf(d, axis))))
  return padded(gradient, plain.map(({ axis }) => axis), joined(plain.map(({ before }) => before)), joined(after))
}

/** Where a slice begins, in a dimension of this size: counted from the end where it is negative, and inside. */
function firstOf(start: Value, size: Value): Value {
  const [[from], [whole]] = [start.elements ?? [], size.elements ?? []]
  if (from === 0) return start
  const [fromStart, fromEnd] = [() => Min([start, size]), () => Max([plus(start, size), integers(size, [0])])]
  if (typeof from !== 'number') return Where(Less(start, integers(start, [0])), fromEnd(), fromStart())
  if (typeof whole === 'number') return integers(start, [from < 0 ? Math.max(from + whole, 0) : Math.min(from, whole)])
  return from < 0 ? fromEnd() : fromStart()
}
