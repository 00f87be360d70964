import type { Constant } from './constant.js'
import type { DataType } from './data-type.js'

/**
 * A size: a number, or a symbol such as `'batch'`, or a polynomial of symbols such as `'batch*sequence'`, written
 * as `@tenon/graph` writes them. Equal strings mean equal sizes.
 */
export type Dimension = number | string

/** Name, type and shape of a value, as at the borders of a graph. */
export interface ValueInfo {
  readonly name: string
  readonly dtype: DataType
  readonly shape: readonly Dimension[]
}

/** What ONNX attributes can hold here. Integers and floats are told apart by the op's definition. */
export type Attribute = number | string | Constant | readonly number[] | readonly string[]

/**
 * The attributes of each op, by op name: facts, added to by declaration merging. `@tenon/graph` adds ONNX's
 * operators; whoever brings an op of their own adds a line in their own file.
 */
// oxlint-disable-next-line typescript/no-empty-interface -- merged into by other packages
export interface OpAttributes {}

/** One application of an operator. */
export interface Node<Op extends string = string> {
  /** ONNX's name, `'MatMul'`, or with its domain, `'com.microsoft::GroupQueryAttention'`. */
  readonly op: Op
  /** Names of values; `''` where an optional input is left out, as in ONNX. */
  readonly inputs: readonly string[]
  /** Names of the values made; `''` where an optional output is not wanted. */
  readonly outputs: readonly string[]
  readonly attributes: Op extends keyof OpAttributes ? Readonly<OpAttributes[Op]> : Readonly<Record<string, Attribute>>
}

/** The definition of an operator: what `defineOp` of `@tenon/graph` makes. */
export interface Operator<Op extends string = string> {
  readonly op: Op
}

/**
 * A computation with ONNX semantics: the only language between the packages. Plain frozen data; nodes stand in an
 * order in which they can run; each value has one maker.
 */
export interface Graph {
  readonly name: string
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly nodes: readonly Node[]
  readonly constants: ReadonlyMap<string, Constant>
  /** The definitions of operators that are not the standard's, by name: a graph brings them along, as an ONNX model brings its functions. */
  readonly operators?: ReadonlyMap<string, Operator>
  /**
   * Outputs that take the place of an input, by the output's name: parameters that a training step moves, a cache that grows.
   * A run writes them into the input's feed. `verify` sees to it that nothing reads the old value later.
   */
  readonly updates?: ReadonlyMap<string, string>
}
