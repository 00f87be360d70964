import { InvalidGraphError, type Attribute, type Constant, type DataType, type Dimension, type NumericType, type TypedArray } from '@tenon/core'

/** What is known of a value before anything runs. */
export interface ValueType {
  readonly dtype: DataType
  readonly shape: readonly Dimension[]
  /**
   * The elements of a small integer vector or scalar, where known: sizes taken by Shape, gathered, multiplied and
   * concatenated flow through here into Reshape, so that shapes stay exact however they were computed. What comparing
   * them gives is followed as well, as 0 and 1.
   */
  readonly elements?: readonly Dimension[] | undefined
}

/** A tensor at hand: what constant folding computes with. */
export interface HostArray {
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly values: TypedArray
}

/** An attribute's type, and what holds when it is left out. `'dtype'` is ONNX's integer code, spelled as a name here. */
export type AttributeSpec =
  | { readonly type: 'int' | 'float'; readonly default?: number; readonly required?: true }
  | { readonly type: 'string'; readonly default?: string; readonly required?: true }
  | { readonly type: 'ints' | 'floats'; readonly default?: readonly number[]; readonly required?: true }
  | { readonly type: 'tensor'; readonly required?: true }
  | { readonly type: 'dtype'; readonly default?: DataType; readonly required?: true }

export type AttributeTable = Readonly<Record<string, AttributeSpec>>

interface AttributeTypes {
  int: number
  float: number
  string: string
  ints: readonly number[]
  floats: readonly number[]
  tensor: Constant
  dtype: DataType
}
type Typed<S extends AttributeSpec> = AttributeTypes[S['type']]
type RequiredNames<T extends AttributeTable> = { [K in keyof T]: T[K] extends { required: true } ? K : never }[keyof T]
type DefaultedNames<T extends AttributeTable> = { [K in keyof T]: T[K] extends { required: true } | { default: unknown } ? K : never }[keyof T]

/** The attributes as callers write them: those with a default, and the optional, may be left out. */
export type AttributesOf<T extends AttributeTable> = { [K in RequiredNames<T>]: Typed<T[K]> } & { [K in Exclude<keyof T, RequiredNames<T>>]?: Typed<T[K]> | undefined }

/** The attributes as rules read them: defaults filled in. */
export type FilledAttributes<T extends AttributeTable> = { [K in DefaultedNames<T>]: Typed<T[K]> } & { [K in Exclude<keyof T, DefaultedNames<T>>]?: Typed<T[K]> | undefined }

/** Input names to a tuple: `'X'` is there, `'B?'` may be `undefined`, `'...inputs'` is any number. Of an operator nobody knows, any number, and any left out. */
export type Slots<S extends readonly string[], V> = number extends S['length'] ? readonly (V | undefined)[]
  : S extends readonly [infer Head extends string, ...infer Rest extends readonly string[]]
  ? Head extends `...${string}` ? V[]
  : Head extends `${string}?` ? [value?: V | undefined, ...Slots<Rest, V>]
  : [value: V, ...Slots<Rest, V>]
  : []

/**
 * One rule of reverse differentiation: from the gradients of the outputs to those of the inputs, as more graph. It gives a function
 * for each input, called where that input's gradient is wanted, so that nobody pays for the others; `undefined`, or an entry left out,
 * says that the outputs do not vary with that input. Each gradient has its input's type and shape.
 */
export type GradientRule<I = readonly (Value | undefined)[], A = object> = (node: Differentiated<I, A>) => readonly ((() => Value) | undefined)[]

/** A node on the way back: what it read and made, and how the result varies with its outputs; `undefined` where it does not. */
export interface Differentiated<I = readonly (Value | undefined)[], A = object> {
  readonly inputs: I
  readonly outputs: readonly Value[]
  readonly attributes: A
  readonly gradients: readonly (Value | undefined)[]
}

/** An operator: everything the packages need to know of it, in one record. What a record leaves out, nobody assumes. */
export interface OpDefinition<Op extends string = string, S extends readonly string[] = readonly string[], T extends AttributeTable = AttributeTable> {
  /** ONNX's name, with the domain where it is not the default one. */
  readonly op: Op
  /** The version of its domain's operator set that these rules follow. */
  readonly since: number
  readonly inputs: S
  /** Default: one, `'Y'`. */
  readonly outputs: readonly string[]
  readonly attributes: T
  /** Draws random numbers: two equal calls are not one. Default false. */
  readonly random?: boolean
  /** By output, the inputs in whose memory it may be made where it has their shape: an element of theirs is read, if at all, before it is written. */
  readonly inPlace?: Readonly<Record<number, readonly number[]>>
  /** Shows its first input otherwise, and computes nothing: runtimes melt it into the nodes that read it. Default false. */
  readonly view?: boolean
  /** Types and shapes of the outputs. @throws ShapeMismatchError, TypeMismatchError */
  infer(inputs: Slots<S, ValueType>, attributes: FilledAttributes<T>, context: InferContext): ValueType | readonly ValueType[]
  /** The first output's elements, for constant folding; `undefined` where this case is not worth it. */
  evaluate?(inputs: Slots<S, HostArray>, attributes: FilledAttributes<T>): HostArray | undefined
  /** The same computation in simpler operators, for backends that lack this one and before differentiation; `undefined` where this case has none. */
  decompose?(inputs: Slots<S, Value>, attributes: FilledAttributes<T>, context: InferContext): Value | readonly Value[] | undefined
  /** Its rule of differentiation. Those of the operators here stand beside the walk that needs them, in `@tenon/graph/gradient`. */
  gradient?(node: Differentiated<Slots<S, Value>, FilledAttributes<T>>): ReturnType<GradientRule>
}

export interface InferContext {
  readonly op: string
  /** How many outputs are wanted. */
  readonly outputs: number
  /** The op and its inputs, `'slice(x,starts,ends)'`: what sizes that only a run can tell are named after. Equal calls have equal sizes. */
  readonly call: string
}

/** Operators by name; `standardOps`, or these and one's own. */
export type OpTable = ReadonlyMap<string, OpDefinition>

/** A value of a graph being built: a parameter, an input or what a node makes. */
export class Value implements ValueType {
  constructor(
    readonly builder: Emitter,
    /** Unique in its graph; settled when the graph is built. */
    public name: string,
    readonly type: ValueType,
  ) {}

  get dtype(): DataType {
    return this.type.dtype
  }

  get shape(): readonly Dimension[] {
    return this.type.shape
  }

  get elements(): readonly Dimension[] | undefined {
    return this.type.elements
  }
}

/** What operators need of a builder. */
export interface Emitter {
  emit(definition: OpDefinition, inputs: readonly (Value | undefined)[], attributes?: Readonly<Record<string, Attribute | undefined>>, outputs?: number): readonly Value[]
  constant(constant: Constant, name?: string): Value
  /** The node that makes a value, if one does. */
  producerOf(value: Value): Producer | undefined
  /** The constant behind a value, if it is one. */
  constantOf(value: Value): Constant | undefined
}

/** A node of a graph being built. */
export interface Producer {
  readonly op: string
  readonly definition: OpDefinition
  readonly inputs: readonly (Value | undefined)[]
  readonly outputs: readonly Value[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

type CallArguments<S extends readonly string[]> = S extends readonly [`...${string}`] ? [inputs: readonly Value[]] : Slots<S, Value>
type AttributeArgument<T extends AttributeTable> = keyof T extends never ? [] : Record<never, never> extends AttributesOf<T> ? [attributes?: AttributesOf<T>] : [attributes: AttributesOf<T>]

/** A definition that is also the function which emits its node and returns the first output. */
export interface Op<Name extends string = string, S extends readonly string[] = readonly string[], T extends AttributeTable = AttributeTable> extends OpDefinition<Name, S, T> {
  (...call: [...CallArguments<S>, ...AttributeArgument<T>]): Value
}

type Definition<S extends readonly string[], T extends AttributeTable> = Pick<OpDefinition<string, S, T>, 'infer' | 'evaluate' | 'gradient' | 'random' | 'inPlace' | 'view'> & {
  readonly since: number
  readonly decompose?: OpDefinition<string, S, T>['decompose'] | undefined
  readonly inputs: S
  readonly outputs?: readonly string[]
  readonly attributes?: T
}

/**
 * Defines an operator.
 * @example
 * export const Softmax = defineOp('Softmax', { since: 13, inputs: ['X'], attributes: { axis: { type: 'int', default: -1 } }, infer: ([x]) => x })
 * const probabilities = Softmax(logits, { axis: 1 })
 */
export function defineOp<Name extends string, const S extends readonly string[], const T extends AttributeTable = Record<never, never>>(op: Name, definition: Definition<S, T>): Op<Name, S, T> {
  const variadic = definition.inputs[0]?.startsWith('...') === true
  const emit = (...call: unknown[]): Value => {
    const last = call.at(-1)
    const attributes = last instanceof Value || Array.isArray(last) || last === undefined ? undefined : (call.pop() as Record<string, Attribute>)
    const inputs = (variadic ? call[0] : call) as (Value | undefined)[]
    const first = inputs.find((input) => input !== undefined)
    if (first === undefined) throw new InvalidGraphError({ graph: op, problem: 'it has no input to tell which graph it belongs to', remedy: 'Pass a value of the graph that is built' })
    return first.builder.emit(record as unknown as OpDefinition, inputs, attributes)[0]!
  }
  const record = Object.assign(emit, { outputs: ['Y'], attributes: {} as T, ...definition, op })
  return record as unknown as Op<Name, S, T>
}
