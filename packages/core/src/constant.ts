import { byteLength, bytesOf, type ArrayOf, type NumericType, type TypedArray } from './data-type.js'

/** A range of a file that holds a tensor's bytes exactly as `Constant.bytes` would return them. */
export interface FileRange {
  /** Absolute path. */
  readonly path: string
  /** Where the first byte lies. */
  readonly offset: number
}

/**
 * A weight, or any other fixed tensor of a graph. Its bytes (little-endian, row-major) are fetched only when
 * somebody asks, so that a graph over a 2 GB checkpoint is a few kilobytes.
 */
export interface Constant<D extends NumericType = NumericType> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly byteLength: number
  /** Present when the bytes lie in a file as they are: a backend may map them and never call `bytes`. */
  readonly file?: FileRange
  /** Present when the bytes are at hand; what constant folding works on. */
  readonly inline?: Uint8Array
  /** Fetches or computes the bytes. Not cached: whoever calls twice pays twice. */
  bytes(): Promise<Uint8Array>
}

/** A constant whose elements are at hand: scalars, axes, shapes, small tables. */
export function inlineConstant<D extends NumericType>(dtype: D, shape: readonly number[], values: ArrayOf[D]): Constant<D> {
  const inline = bytesOf(values as TypedArray)
  return { dtype, shape, byteLength: inline.byteLength, inline, bytes: async () => inline }
}

/** A constant computed when asked for, typically from other constants: a cast, a transposition, a quantisation. */
export function lazyConstant<D extends NumericType>(dtype: D, shape: readonly number[], bytes: () => Promise<Uint8Array>): Constant<D> {
  return { dtype, shape, byteLength: byteLength(dtype, shape), bytes }
}
