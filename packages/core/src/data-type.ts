/** Element types, named as in safetensors and NumPy; the set is ONNX's. */
export type DataType =
  | 'float64' | 'float32' | 'float16' | 'bfloat16'
  | 'int64' | 'int32' | 'int16' | 'int8' | 'int4'
  | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'uint4'
  | 'bool' | 'string'

/**
 * The array that holds each type's elements in JavaScript. The 16-bit floats travel as their bits, 4-bit
 * integers two to a byte (low nibble first, as in ONNX). Strings have no fixed width and no array.
 */
export interface ArrayOf {
  float64: Float64Array
  float32: Float32Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int64: BigInt64Array
  int32: Int32Array
  int16: Int16Array
  int8: Int8Array
  int4: Uint8Array
  uint64: BigUint64Array
  uint32: Uint32Array
  uint16: Uint16Array
  uint8: Uint8Array
  uint4: Uint8Array
  bool: Uint8Array
}

export type NumericType = keyof ArrayOf
export type TypedArray = ArrayOf[NumericType]

interface ArrayConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray
  new (length: number): TypedArray
}

const storage: Record<NumericType, { bits: number; array: ArrayConstructor }> = {
  float64: { bits: 64, array: Float64Array },
  float32: { bits: 32, array: Float32Array },
  float16: { bits: 16, array: Uint16Array },
  bfloat16: { bits: 16, array: Uint16Array },
  int64: { bits: 64, array: BigInt64Array },
  int32: { bits: 32, array: Int32Array },
  int16: { bits: 16, array: Int16Array },
  int8: { bits: 8, array: Int8Array },
  int4: { bits: 4, array: Uint8Array },
  uint64: { bits: 64, array: BigUint64Array },
  uint32: { bits: 32, array: Uint32Array },
  uint16: { bits: 16, array: Uint16Array },
  uint8: { bits: 8, array: Uint8Array },
  uint4: { bits: 4, array: Uint8Array },
  bool: { bits: 8, array: Uint8Array },
}

/** Number of elements in a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Bytes that a tensor of this type and shape occupies, 4-bit types packed. */
export function byteLength(dtype: NumericType, shape: readonly number[]): number {
  return Math.ceil((elementCount(shape) * storage[dtype].bits) / 8)
}

/** A zeroed array for `count` elements. */
export function allocate<D extends NumericType>(dtype: D, count: number): ArrayOf[D] {
  const { array, bits } = storage[dtype]
  return new array(bits === 4 ? Math.ceil(count / 2) : count) as ArrayOf[D]
}

/**
 * The bytes seen as elements: a view where their alignment allows it, otherwise a copy (typed arrays must start
 * at a multiple of their element size; tensors in files need not).
 */
export function viewAs<D extends NumericType>(dtype: D, bytes: Uint8Array): ArrayOf[D] {
  const { array, bits } = storage[dtype]
  const width = Math.max(1, bits / 8)
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes) // not slice(): a Buffer would share its memory
  return new array(aligned.buffer, aligned.byteOffset, aligned.byteLength / width) as ArrayOf[D]
}

/** The elements seen as bytes, without a copy. */
export function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
