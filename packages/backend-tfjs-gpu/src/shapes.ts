import type { HostArray } from './carrier.js'
import { Refusal } from './refusal.js'

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((size, axis) => size === b[axis])

/** A possibly negative axis as an index. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/** The shape of an elementwise result. @throws Refusal where the shapes do not broadcast. */
export function broadcastShape(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((size) => size !== 1)
    if (sizes.some((size) => size !== sizes[0])) throw new Refusal(`gets ${shapes.map((shape) => `[${shape.join(', ')}]`).join(' and ')}, which do not broadcast`, 'feed tensors whose sizes fit together')
    return sizes[0] ?? 1
  })
}

/** Sizes, axes and other small integers as numbers. @throws Refusal beyond ±2⁵³, where numbers are no longer exact. */
export function integersOf({ values }: HostArray): number[] {
  return Array.from(values as ArrayLike<number | bigint>, (value) => {
    const number = Number(value)
    if (!Number.isSafeInteger(number) && Math.abs(number) < 2 ** 63 - 2 ** 31) throw new Refusal(`gets ${value}, beyond what a size can be`, 'feed an integer within ±2⁵³')
    return number
  })
}

/** What Reshape is asked for: 0 copies a size, and one -1 takes what is left. */
export function reshapedTo(shape: readonly number[], target: readonly number[], allowzero: number): number[] {
  const copied = target.map((size, axis) => (size === 0 && !allowzero ? shape[axis] ?? 0 : size))
  const known = copied.reduce((product, size) => (size === -1 ? product : product * size), 1)
  const total = sizeOf(shape)
  const result = copied.map((size) => (size === -1 ? (known === 0 ? 0 : total / known) : size))
  if (sizeOf(result) !== total || result.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new Refusal(`gets a tensor of shape [${shape.join(', ')}], which cannot be reshaped to [${target.join(', ')}]`, 'feed sizes that fit together')
  }
  return result
}

/** Where Unsqueeze puts sizes of 1. */
export function unsqueezed(shape: readonly number[], axes: readonly number[]): number[] {
  const rank = shape.length + axes.length
  const added = new Set(axes.map((axis) => axisOf(axis, rank)))
  const rest = [...shape]
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!))
}

export function squeezed(shape: readonly number[], axes: readonly number[] | undefined): number[] {
  const dropped = axes === undefined ? undefined : new Set(axes.map((axis) => axisOf(axis, shape.length)))
  return shape.filter((size, axis) => (dropped === undefined ? size !== 1 : !dropped.has(axis)))
}

export function flattened(shape: readonly number[], axis: number): number[] {
  const at = axisOf(axis, shape.length)
  return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]
}

/** Of a slice along one axis: where it starts, how many elements it takes, and how far apart. */
export interface Cut {
  readonly axis: number
  readonly start: number
  readonly length: number
  readonly step: number
}

/** What Slice takes of each axis it names. */
export function cutsOf(shape: readonly number[], starts: readonly number[], ends: readonly number[], axes: readonly number[] | undefined, steps: readonly number[] | undefined): Cut[] {
  return starts.map((from, index) => {
    const axis = axisOf(axes?.[index] ?? index, shape.length)
    const step = steps?.[index] ?? 1
    const size = shape[axis]!
    // Backwards, a slice starts at the last element at most and may end before the first.
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1]
    const clamp = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, low), high)
    const start = clamp(from)
    return { axis, start, length: Math.max(0, Math.ceil((clamp(ends[index]!) - start) / step)), step }
  })
}

/** The sizes of Split's outputs: as told, or even ones, of which the last may be smaller. */
export function splitSizes(size: number, given: readonly number[] | undefined, count: number): number[] {
  if (given !== undefined) return [...given]
  const chunk = Math.ceil(size / count)
  return Array.from({ length: count }, (_, index) => (index < count - 1 ? chunk : size - chunk * (count - 1)))
}

/** Which axes a reduction goes over, sorted; none where it is asked to leave everything as it is. */
export function reducedAxes(rank: number, axes: HostArray | undefined, noop: number): number[] {
  const listed = axes === undefined ? [] : integersOf(axes)
  if (listed.length === 0) return noop ? [] : Array.from({ length: rank }, (_, axis) => axis)
  return [...new Set(listed.map((axis) => axisOf(axis, rank)))].toSorted((a, b) => a - b)
}
