import { allocate, elementCount, type NumericType } from '@tenon/core'
import type { HostArray } from '../op.js'
import { broadcast } from '../shapes.js'

/** Types whose elements JavaScript numbers hold exactly; 64-bit integers where they are safe ones. */
const computable: ReadonlySet<NumericType> = new Set(['float64', 'float32', 'int64', 'int32', 'int16', 'int8', 'uint32', 'uint16', 'uint8', 'bool'])

const floats: ReadonlySet<NumericType> = new Set(['float64', 'float32'])

/** The elements as numbers, or `undefined` where numbers do not hold them. */
export function numbers({ dtype, values }: HostArray): number[] | undefined {
  if (!computable.has(dtype)) return undefined
  const list = Array.from(values as ArrayLike<number | bigint>, Number)
  return dtype === 'int64' && !list.every(Number.isSafeInteger) ? undefined : list
}

/** An array of the type from numbers, integers wrapped as typed arrays wrap them; `undefined` where what ought to be an integer is none. */
export function fromNumbers(dtype: NumericType, shape: readonly number[], list: readonly number[]): HostArray | undefined {
  if (!floats.has(dtype) && !list.every(Number.isSafeInteger)) return undefined
  const values = allocate(dtype, list.length)
  for (const [index, value] of list.entries()) values[index] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value
  return { dtype, shape, values }
}

/** Applies a function to each element. */
export function map(x: HostArray, compute: (a: number) => number, dtype = x.dtype): HostArray | undefined {
  const list = numbers(x)
  return list && computable.has(dtype) ? fromNumbers(dtype, x.shape, list.map(compute)) : undefined
}

/** Applies a function to each pair of elements, broadcast. */
export function zip(a: HostArray, b: HostArray, compute: (a: number, b: number) => number, dtype = a.dtype): HostArray | undefined {
  const left = numbers(a)
  const right = numbers(b)
  if (left === undefined || right === undefined) return undefined
  const shape = broadcast('folding', a.shape, b.shape) as number[]
  const offsetA = offsets(a.shape, shape)
  const offsetB = offsets(b.shape, shape)
  const list = Array.from({ length: elementCount(shape) }, (_, index) => compute(left[offsetA(index)]!, right[offsetB(index)]!))
  return fromNumbers(dtype, shape, list)
}

/** Row-major strides, in elements. */
export function strides(shape: readonly number[]): number[] {
  const result = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--) result[axis] = result[axis + 1]! * shape[axis + 1]!
  return result
}

/** From an index into the broadcast result to the index into one input. */
function offsets(from: readonly number[], to: readonly number[]): (index: number) => number {
  const own = strides(from)
  const all = strides(to)
  const shift = to.length - from.length
  return (index) => from.reduce((offset, size, axis) => offset + (size === 1 ? 0 : (Math.floor(index / all[axis + shift]!) % to[axis + shift]!) * own[axis]!), 0)
}
