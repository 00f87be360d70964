import { InvalidGraphError, type Attribute, type Constant, type DataType, type Dimension, type Graph, type Node } from '@tenon/core'
import { checkCall, inferCall } from './call.js'
import { canonical } from './dimension.js'
import { elementsOf } from './elements.js'
import { rememberTypes } from './known-types.js'
import { LITERAL_BYTES } from './literals.js'
import { Value, type Emitter, type OpDefinition, type Producer, type ValueType } from './op.js'
import { standardOps } from './ops/index.js'
import { refuseMixedSizes } from './shapes.js'

/** Constants that nobody named are `constant_0`, `constant_1`, …: literals of the computation. */
const LITERAL = 'constant'

export const isLiteral = (name: string): boolean => new RegExp(`^${LITERAL}_\\d+$`).test(name)

/**
 * Builds a graph by calling operators on values. Types and shapes are inferred as nodes are emitted, so a mistake
 * throws where it is made.
 * @example
 * const builder = new GraphBuilder('half')
 * const x = builder.input('x', 'float32', ['batch', 8])
 * builder.output('y', Mul(x, scalar(x, 0.5)))
 * const graph = builder.build()
 */
export class GraphBuilder implements Emitter {
  readonly #nodes: Producer[] = []
  readonly #producers = new Map<Value, Producer>()
  readonly #inputs: Value[] = []
  readonly #outputs = new Map<string, Value>()
  readonly #updates = new Map<string, Value>()
  readonly #constants = new Map<Value, Constant>()
  readonly #literals = new Map<string, Value>()
  /** What is made when it is read, and what it became. */
  readonly #later = new Map<Value, Value | (() => Value)>()
  readonly #used = new Set<string>()
  readonly #reserved: ReadonlySet<string>
  readonly #counters = new Map<string, number>()

  readonly #authored: boolean

  /**
   * Of a graph that is there already and is replayed, `reserved` are the names in use, which new values do not get. Its
   * sizes may have been named by strangers, who call one size by two names; an author who mixes two is told.
   */
  constructor(readonly name: string, reserved?: Iterable<string>) {
    this.#reserved = new Set(reserved)
    this.#authored = reserved === undefined
  }

  /** @param knownType Its type, as another graph has it. */
  input(name: string, dtype: DataType, shape: readonly Dimension[], knownType?: ValueType): Value {
    const value = new Value(this, this.#claim(name), knownType ?? { dtype, shape: shape.map(canonical) })
    this.#inputs.push(value)
    return value
  }

  /** Adds a weight or a literal. The name is kept; without one, equal literals are added once. `knownType` is as for `input`. */
  constant(constant: Constant, name?: string, knownType?: ValueType): Value {
    const key = name === undefined && constant.inline !== undefined && constant.byteLength <= LITERAL_BYTES ? `${constant.dtype}[${constant.shape.join()}]${constant.inline.join()}` : undefined
    const known = key === undefined ? undefined : this.#literals.get(key)
    if (known !== undefined) return known
    const type = knownType ?? { dtype: constant.dtype, shape: constant.shape, elements: elementsOf(constant) }
    const value = new Value(this, name === undefined ? this.#fresh(LITERAL) : this.#claim(name), type)
    this.#constants.set(value, constant)
    if (key !== undefined) this.#literals.set(key, value)
    return value
  }

  /** A value of this type that `make` makes when something first reads it, and that is not made where nothing does. */
  later(type: ValueType, make: () => Value): Value {
    const value = new Value(this, 'a value that is not made yet', type)
    this.#later.set(value, make)
    return value
  }

  /** The node that makes a value, if one does. */
  producerOf(value: Value): Producer | undefined {
    return this.#producers.get(this.#made(value))
  }

  /** The constant behind a value, if it is one. */
  constantOf(value: Value): Constant | undefined {
    return this.#constants.get(value)
  }

  emit(definition: OpDefinition, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute | undefined>> = {}, outputs = 1): readonly Value[] {
    return this.emitNamed(definition, inputs, attributes, Array.from({ length: outputs }, () => undefined))
  }

  /** As `emit`, with names for the outputs where they matter. An `''` marks an output that is not wanted. */
  emitNamed(definition: OpDefinition, inputs: readonly (Value | undefined)[], given: Readonly<Record<string, Attribute | undefined>>, names: readonly (string | undefined)[]): readonly Value[] {
    const attributes = Object.fromEntries(Object.entries(given).filter((entry): entry is [string, Attribute] => entry[1] !== undefined))
    const trimmed = inputs.slice(0, inputs.findLastIndex((input) => input !== undefined) + 1)
    checkCall(this.name, definition, trimmed, attributes)
    for (const input of trimmed) if (input !== undefined) this.#own(input)
    const types = inferCall(definition, trimmed, attributes, names.length)
    if (this.#authored) refuseMixedSizes(definition.op, trimmed, types)
    return this.#add(definition, trimmed, attributes, names, types)
  }

  /** As `emitNamed`, of a node whose outputs' types are known: another graph has it with inputs of these very types, or its outputs are those of another. */
  repeat(definition: OpDefinition, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute>>, names: readonly (string | undefined)[], types: readonly ValueType[]): readonly Value[] {
    for (const input of inputs) if (input !== undefined) this.#own(input)
    return this.#add(definition, inputs, attributes, names, types)
  }

  #add(definition: OpDefinition, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute>>, names: readonly (string | undefined)[], types: readonly ValueType[]): readonly Value[] {
    const read = this.#later.size === 0 ? inputs : inputs.map((input) => input && this.#made(input))
    const values = names.map((name, index) => {
      const type = types[index]
      if (type === undefined) throw new InvalidGraphError({ graph: this.name, problem: `${definition.op} has no output ${index}` })
      return new Value(this, name === '' ? '' : name === undefined ? this.#fresh(definition.op.split('::').at(-1)!) : this.#claim(name), type)
    })
    const node: Producer = { op: definition.op, definition, inputs: read, outputs: values, attributes }
    this.#nodes.push(node)
    for (const value of values) this.#producers.set(value, node)
    return values
  }

  /** Makes a value an output of the graph, under this name; with `updates`, one that takes the place of that input. */
  output(name: string, value: Value, updates?: Value): void {
    this.#own(value)
    if (name === '') throw new InvalidGraphError({ graph: this.name, problem: 'an output has an empty name' })
    if (this.#outputs.has(name)) throw new InvalidGraphError({ graph: this.name, problem: `two outputs are named '${name}'` })
    this.#outputs.set(name, this.#made(value))
    if (updates !== undefined) this.#updates.set(name, updates)
  }

  /** Freezes what the outputs depend on; what nothing uses is left out. */
  build(): Graph {
    for (const input of this.#inputs) {
      if ((this.#outputs.get(input.name) ?? input) !== input) throw new InvalidGraphError({ graph: this.name, problem: `the output '${input.name}' has the name of an input` })
    }
    const needed = new Set<Value>(this.#outputs.values())
    const nodes = this.#nodes.toReversed().filter((node) => {
      if (!node.outputs.some((output) => needed.has(output))) return false
      for (const value of [...node.inputs, ...node.outputs]) if (value !== undefined) needed.add(value)
      return true
    }).toReversed()
    const renames = this.#renameOutputs(needed)
    const nameOf = (value: Value | undefined) => (value === undefined ? '' : renames.get(value) ?? value.name)
    const built = nodes.map((node): Node => ({
      op: node.op,
      inputs: Object.freeze(node.inputs.map(nameOf)),
      outputs: Object.freeze(node.outputs.map(nameOf)),
      attributes: Object.freeze(node.attributes),
    }))
    // An output that is an input, a constant or another output as well needs a node that makes it under its own name.
    for (const [name, value] of this.#outputs) {
      if (nameOf(value) !== name) built.push({ op: 'Identity', inputs: Object.freeze([nameOf(value)]), outputs: Object.freeze([name]), attributes: Object.freeze({}) })
    }
    const info = (name: string, { dtype, shape }: ValueType) => Object.freeze({ name, dtype, shape: Object.freeze([...shape]) })
    const constants = Array.from(this.#constants.keys()).filter((value) => needed.has(value))
    const operators = new Map(nodes.flatMap(({ definition }) => (standardOps.get(definition.op) === definition ? [] : [[definition.op, definition]])))
    const graph: Graph = Object.freeze({
      name: this.name,
      inputs: Object.freeze(this.#inputs.map((value) => info(value.name, value))),
      outputs: Object.freeze([...this.#outputs].map(([name, value]) => info(name, value))),
      nodes: Object.freeze(built.map((node) => Object.freeze(node))),
      constants: new Map(constants.map((value) => [nameOf(value), this.#constants.get(value)!])),
      ...(operators.size > 0 && { operators }),
      ...(this.#updates.size > 0 && { updates: new Map(Array.from(this.#updates, ([name, input]) => [name, input.name])) }),
    })
    const types = new Map([...this.#inputs, ...constants, ...nodes.flatMap(({ outputs }) => outputs)].filter(({ name }) => name !== '').map((value) => [nameOf(value), value.type]))
    for (const [name, { type }] of this.#outputs) types.set(name, type)
    rememberTypes(graph, types)
    return graph
  }

  /** A value made by a node takes the name of the first output it is; other values that have an output's name make way. */
  #renameOutputs(needed: ReadonlySet<Value>): Map<Value, string> {
    const renames = new Map<Value, string>()
    for (const [name, value] of this.#outputs) {
      if (!this.#constants.has(value) && !this.#inputs.includes(value) && !renames.has(value)) renames.set(value, name)
    }
    for (const value of needed) {
      if (!renames.has(value) && (this.#outputs.get(value.name) ?? value) !== value) renames.set(value, this.#fresh(value.name))
    }
    return renames
  }

  #made(value: Value): Value {
    const made = this.#later.get(value)
    if (made === undefined) return value
    if (made instanceof Value) return made
    const result = made()
    this.#later.set(value, result)
    return result
  }

  #own(value: Value): void {
    if (value.builder !== this) throw new InvalidGraphError({ graph: this.name, problem: `the value '${value.name}' belongs to another graph` })
  }

  #claim(name: string): string {
    if (name === '') throw new InvalidGraphError({ graph: this.name, problem: 'a value has an empty name' })
    if (this.#used.has(name)) throw new InvalidGraphError({ graph: this.name, problem: `two values are named '${name}'` })
    this.#used.add(name)
    return name
  }

  #fresh(stem: string): string {
    for (let count = this.#counters.get(stem) ?? 0; ; count++) {
      const name = `${stem}_${count}`
      if (this.#used.has(name) || this.#reserved.has(name) || this.#outputs.has(name)) continue
      this.#counters.set(stem, count + 1)
      return this.#claim(name)
    }
  }
}
