import type { DataType, NumericType, ValueInfo } from '@tenon/core'

/** A model as a file tells of it, before its operators are understood. */
export interface ForeignModel {
  /** Versions of the operator sets, by domain; ONNX's own is `''`. */
  readonly opsets: ReadonlyMap<string, number>
  readonly graph: ForeignGraph
  /** By op name, as nodes call them. */
  readonly functions: ReadonlyMap<string, ForeignFunction>
}

export interface ForeignGraph {
  readonly name: string
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
  readonly nodes: readonly ForeignNode[]
  readonly tensors: readonly TensorRecord[]
}

/** What a file says of an input or output; of an output, type and shape may be left for the reader to find. */
export interface DeclaredValue {
  readonly name: string
  readonly dtype: DataType | undefined
  readonly shape: ValueInfo['shape'] | undefined
}

export interface ForeignNode {
  /** With its domain where that is not ONNX's own, as in a graph. */
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, ForeignAttribute>
}

/** `AttributeProto`: one field holds the value, and `type` says which. */
export interface ForeignAttribute {
  /** `AttributeProto.AttributeType`, or 0 in files of the first version, which leave it out. */
  readonly type: number
  readonly ints: readonly (number | bigint)[]
  readonly floats: readonly number[]
  readonly text: string
  readonly tensor?: TensorRecord
  readonly graph?: ForeignGraph
  /** In a function: the attribute of the call that this one takes its value from. */
  readonly reference?: string
}

export interface ForeignFunction {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly ForeignNode[]
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes that a call may leave out. */
  readonly defaults: ReadonlyMap<string, ForeignAttribute>
}

/** A tensor as the file tells of it. `offset` is where raw bytes start in the model file. */
export interface TensorRecord {
  readonly name: string
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly data: { readonly bytes: Uint8Array; readonly offset?: number } | { readonly location: string; readonly offset: number; readonly length?: number }
}

/** Says what is wrong with a file. */
export type Complain = (problem: string, remedy?: string) => never
