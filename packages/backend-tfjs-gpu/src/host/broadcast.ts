import { sameShape, sizeOf, stridesOf } from '../shapes.js'

/** From an index into the broadcast result to the index into one input. */
export function offsetsInto(from: readonly number[], to: readonly number[]): (index: number) => number {
  if (sizeOf(from) === 1) return () => 0
  if (sameShape(from, to)) return (index) => index
  const own = stridesOf(from)
  const shift = to.length - from.length
  // Where the input's leading sizes are 1 or left out, the result repeats it whole.
  const leading = from.findIndex((size) => size !== 1)
  if (from.slice(leading).every((size, axis) => size === to[axis + leading + shift])) {
    const period = sizeOf(from)
    return (index) => index % period
  }
  const next = offsetsWithin(to, Array.from({ length: to.length }, (_, axis) => (axis < shift || from[axis - shift] === 1 ? 0 : own[axis - shift]!)))
  const table = Int32Array.from({ length: sizeOf(to) }, next)
  return (index) => table[index]!
}

/** The offsets of all elements of a shape, one after another in row-major order, by how far apart they lie along each axis. */
export function offsetsWithin(shape: readonly number[], steps: readonly number[]): () => number {
  const counters = shape.map(() => 0)
  let offset = 0
  return () => {
    const current = offset
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += steps[axis]!
      if (++counters[axis]! < shape[axis]!) break
      offset -= steps[axis]! * shape[axis]!
      counters[axis] = 0
    }
    return current
  }
}
