import { byteLength, bytesOf, type ArrayOf, type NumericType, type TypedArray } from './data-type.js'

/** A range of a file that holds a tensor's bytes exactly as `Constant.bytes` would return them. */
export interface FileRange {
  /** Absolute path. */
  readonly path: string
  /** Where the first byte lies. */
  readonly offset: number
  /**
   * Whether the bytes were laid there to be run from there, so that a start takes no time: a backend that would copy weights into another
   * order while it loads them does so with these only where that is asked of it.
   */
  readonly inPlace?: boolean
}

/**
 * A matrix in a few bits: each number is exactly `(code − zero) · scale`, in blocks along the rows. Laid out as
 * ONNX Runtime's MatMulNBits and GatherBlockQuantized read it.
 */
export interface BlockQuantization {
  readonly bits: 4 | 8
  /** Numbers that share a scale: a power of two, 16 or more. */
  readonly blockSize: number
  /** [rows, blocks of a row, blockSize * bits / 8], the low nibble first; a row's last block is padded. */
  readonly codes: Constant<'uint8'>
  /** [rows, blocks of a row] */
  readonly scales: Constant<'float32'>
  /** [rows, bytes of a row's zeros], packed as the codes. Default: 2 ** (bits - 1) everywhere. */
  readonly zeroPoints?: Constant<'uint8'>
  /** Whether its rows are the constant's columns: a weight of [in, out] whose blocks lie along `in`. Default false. */
  readonly transposed?: boolean
}

/**
 * What a constant is computed from. Of one checkpoint, constants whose origins are equal have equal bytes, in this process and in
 * later ones; whoever changes the numbers that come out changes `how`.
 */
export interface Origin {
  readonly how: string
  /** Absolute paths of the files that are read. */
  readonly files: readonly string[]
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
  /** The same weight as it is stored, or is to be run, in a few bits. A requantised one differs from `bytes` by its rounding. */
  readonly blocks?: BlockQuantization
  /** The same numbers, exactly, in the narrower type that they are stored in: weights of 16 bits that are widened. */
  readonly stored?: Constant
  /** Present when the bytes are computed, and whoever keeps them may know them again. */
  readonly origin?: Origin
  /** Present where the rows are those of positions, and computed: the table of the first of them alone, for who reads no further. The same object for the same number. */
  readonly upTo?: (rows: number) => Constant<D>
  /** Fetches or computes the bytes. Not cached: whoever calls twice pays twice. */
  bytes(): Promise<Uint8Array>
}

/** A constant whose elements are at hand: scalars, axes, shapes, small tables. */
export function inlineConstant<D extends NumericType>(dtype: D, shape: readonly number[], values: ArrayOf[D]): Constant<D> {
  const inline = bytesOf(values as TypedArray)
  return { dtype, shape, byteLength: inline.byteLength, inline, bytes: async () => inline }
}

/** A constant computed when asked for, typically from other constants: a cast, a transposition, a quantisation. */
export function lazyConstant<D extends NumericType>(dtype: D, shape: readonly number[], bytes: () => Promise<Uint8Array>, origin?: Origin): Constant<D> {
  return { dtype, shape, byteLength: byteLength(dtype, shape), bytes, ...(origin && { origin }) }
}
