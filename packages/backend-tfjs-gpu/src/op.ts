import type { DataType } from '@tenon/core'
import type { ComputeType, HostArray } from './carrier.js'
import type { Device } from './device.js'
import type { DeviceTensor } from './tensorflow.js'

export type Operand = DeviceTensor | HostArray | undefined

/** An operator on a device: one function over tensors that are there. What it makes on the way it frees. */
export interface DeviceOp<I extends readonly Operand[] = never, A = never> {
  /** The types that its device inputs and its outputs may have. */
  readonly types: ReadonlySet<ComputeType>
  /** The inputs that are read in JavaScript: indices, sizes, axes. */
  readonly host?: readonly number[]
  /** Whether it computes what it should for these types of inputs and outputs, these attributes and ranks of inputs. All unless told. */
  accepts?(inputs: readonly (ComputeType | undefined)[], outputs: readonly ComputeType[], attributes: A, ranks: readonly (number | undefined)[]): boolean
  run(device: Device, inputs: I, attributes: A, wanted: Wanted): DeviceTensor | readonly DeviceTensor[]
}

/** An operator in JavaScript, on arrays: what TensorFlow.js has no types for, and what it does otherwise than ONNX. */
export interface HostOp<I extends readonly (HostArray | undefined)[] = never, A = never> {
  /** The types that its inputs may have; all unless told. */
  readonly types?: ReadonlySet<ComputeType>
  /** The inputs of which only the shape is read, so that they stay where they are. */
  readonly shapes?: readonly number[]
  run(inputs: I, attributes: A, wanted: Wanted): HostArray | readonly HostArray[]
}

/** What the node is to make: the type of each output, as it is computed and as it is declared. */
export interface Wanted {
  readonly types: readonly ComputeType[]
  readonly declared: readonly DataType[]
}

export const deviceOp = <I extends readonly Operand[], A = Record<string, never>>(op: DeviceOp<I, A>): DeviceOp => op as unknown as DeviceOp

export const hostOp = <I extends readonly (HostArray | undefined)[], A = Record<string, never>>(op: HostOp<I, A>): HostOp => op as unknown as HostOp

export const floats: ReadonlySet<ComputeType> = new Set<ComputeType>(['float32'])
export const numbers: ReadonlySet<ComputeType> = new Set<ComputeType>(['float32', 'int32'])
export const booleans: ReadonlySet<ComputeType> = new Set<ComputeType>(['bool'])
/** Whatever a device can hold, some of it in another type. */
export const carried: ReadonlySet<ComputeType> = new Set<ComputeType>(['float32', 'int32', 'bool', 'int8', 'uint8', 'int16', 'uint16'])
