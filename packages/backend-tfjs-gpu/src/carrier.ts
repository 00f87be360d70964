import { allocate, BackendError, type DataType, type NumericType, type TypedArray } from '@tenon/core'
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.js'
import type { DeviceArray, DeviceType } from './tensorflow.js'

/**
 * The types that values are computed in. 16-bit floats are widened where they come in and rounded where they go out;
 * 4-bit integers are spread over bytes.
 */
export type ComputeType = Exclude<NumericType, 'float16' | 'bfloat16' | 'int4' | 'uint4'>

const widened: Partial<Record<DataType, ComputeType>> = { float16: 'float32', bfloat16: 'float32', int4: 'int8', uint4: 'uint8' }

export const computeTypeOf = (dtype: DataType): ComputeType => widened[dtype] ?? (dtype as ComputeType)

/** A tensor in JavaScript memory, in a type that is computed in. */
export interface HostArray {
  readonly dtype: ComputeType
  readonly shape: readonly number[]
  readonly values: TypedArray
}

/** How a type lies on a device, which has three. Integers of 8 and 16 bits are exact as float32; all others stay in JavaScript. */
const carriers: Partial<Record<ComputeType, DeviceType>> = { float32: 'float32', int32: 'int32', bool: 'bool', int8: 'float32', uint8: 'float32', int16: 'float32', uint16: 'float32' }

export const carrierOf = (dtype: ComputeType): DeviceType | undefined => carriers[dtype]

/** The elements as the device takes them; the same array where nothing has to change. */
export function toCarrier({ dtype, values }: HostArray): DeviceArray {
  return carrierOf(dtype) === 'float32' && dtype !== 'float32' ? Float32Array.from(values as Uint8Array) : (values as DeviceArray)
}

/** What came from the device, in the type it stands for. */
export function fromCarrier(dtype: ComputeType, values: DeviceArray): TypedArray {
  if (values.constructor === arrays[dtype]) return values
  const result = allocate(dtype, values.length)
  ;(result as Float32Array).set(values)
  return result
}

const arrays: Partial<Record<ComputeType, unknown>> = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }

/** What a constant or a feed holds, in the type it is computed in. */
export function widen(dtype: NumericType, shape: readonly number[], values: TypedArray): HostArray {
  const computed = computeTypeOf(dtype)
  if (computed === dtype) return { dtype: computed, shape, values }
  if (dtype === 'float16') return { dtype: computed, shape, values: fromFloat16(values as Uint16Array) }
  if (dtype === 'bfloat16') return { dtype: computed, shape, values: fromBfloat16(values as Uint16Array) }
  return { dtype: computed, shape, values: unpacked(values as Uint8Array, shape, dtype === 'int4') }
}

/** Two to a byte, the low half first. */
function unpacked(bytes: Uint8Array, shape: readonly number[], signed: boolean): TypedArray {
  const count = shape.reduce((product, size) => product * size, 1)
  const result = signed ? new Int8Array(count) : new Uint8Array(count)
  for (let index = 0; index < count; index++) {
    const half = (bytes[index >> 1]! >> (4 * (index & 1))) & 15
    result[index] = signed ? (half << 28) >> 28 : half
  }
  return result
}

/** The elements in the type that an output is declared to have. */
export function narrow(dtype: NumericType, values: TypedArray): TypedArray {
  if (computeTypeOf(dtype) === dtype) return values
  if (dtype === 'float16') return toFloat16(values as Float32Array)
  if (dtype === 'bfloat16') return toBfloat16(values as Float32Array)
  const bytes = new Uint8Array(Math.ceil(values.length / 2))
  for (let index = 0; index < values.length; index++) bytes[index >> 1]! |= (Number(values[index]) & 15) << (4 * (index & 1))
  return bytes
}

/** @throws BackendError where a value has a type that holds no numbers. */
export function checkNumeric(graph: string, name: string, dtype: DataType): NumericType {
  if (dtype !== 'string') return dtype
  throw new BackendError({ backend: 'tfjs', doing: `compiling '${graph}'`, problem: `'${name}' holds strings, which no tensor of Tenon's does`, remedy: 'Cut the graph before or after the string operators' })
}
