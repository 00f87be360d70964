import { InvalidGraphError, type Dimension, type Graph, type Node } from '@tenon/core'
import { GraphBuilder } from './builder.js'
import { knownTypes, rememberTypes } from './known-types.js'
import { checkCall } from './call.js'
import type { OpDefinition, Value, ValueType } from './op.js'
import { definitionOf, opsOf } from './ops-of.js'

/** Of outputs that nobody wants. */
const UNWANTED: ValueType = { dtype: 'float32', shape: [] }

/** A node of the graph being rewritten, with its inputs as values of the new one. */
export interface Visit {
  readonly node: Node
  readonly definition: OpDefinition
  readonly inputs: readonly (Value | undefined)[]
  /** Of the node's outputs, as far as they are known from before. */
  readonly types: readonly (ValueType | undefined)[]
  readonly builder: GraphBuilder
}

/** What stands in for the node's outputs, in their order; `undefined` keeps the node as it is. */
export type Rule = (visit: Visit) => Value | readonly Value[] | undefined

/**
 * Replays a graph through a builder, node by node, asking the rule for each what to put in its place. Types and
 * shapes are inferred anew of what reads other types than before. Returns the same object where the rule changed nothing.
 * @throws InvalidGraphError where the graph names an unknown op or value.
 */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const { builder, values, changed } = replay(graph, rule, knownTypes(graph))
  if (changed) return builder.build()
  if (Object.isFrozen(graph)) rememberTypes(graph, new Map(Array.from(values, ([name, { type }]) => [name, type])))
  return graph
}

/** The name of a value and its type. */
export type TypedName = ValueType & { readonly name: string }

/** The types of all values of a graph, by name. */
export function inferTypes(graph: Graph): ReadonlyMap<string, TypedName> {
  const known = knownTypes(graph)
  const names = [...graph.inputs.map(({ name }) => name), ...graph.constants.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))]
  if (known === undefined || !names.every((name) => known.has(name))) return replay(graph, () => undefined, known).values
  return new Map(names.map((name) => [name, { name, ...known.get(name)! }]))
}

/**
 * The same, of a graph of which nothing is believed.
 * @throws InvalidGraphError, ShapeMismatchError, TypeMismatchError
 */
export function inferAnew(graph: Graph): ReadonlyMap<string, TypedName> {
  return replay(graph, () => undefined, undefined).values
}

/** Opens a graph for growing: its values, and the builder that holds a copy of it, outputs not yet declared. */
export function extend(graph: Graph): { readonly builder: GraphBuilder; readonly values: ReadonlyMap<string, Value> } {
  return replay({ ...graph, outputs: [], updates: new Map() }, () => undefined, undefined)
}

/** What stands in for a value mostly has its type, and what reads it is as it was then. */
function isType(type: ValueType, known: ValueType | undefined): boolean {
  if (type === known) return true
  return known !== undefined && type.dtype === known.dtype && areSizes(type.shape, known.shape) && (type.elements === known.elements || (type.elements !== undefined && known.elements !== undefined && areSizes(type.elements, known.elements)))
}

const areSizes = (sizes: readonly Dimension[], others: readonly Dimension[]): boolean => sizes.length === others.length && sizes.every((size, index) => size === others[index])

/** @param known The graph's types, as far as they are believed. */
function replay(graph: Graph, rule: Rule, known: ReadonlyMap<string, ValueType> | undefined) {
  const ops = opsOf(graph)
  const builder = new GraphBuilder(graph.name, [...graph.constants.keys(), ...graph.nodes.flatMap((node) => node.outputs), ...graph.outputs.map((output) => output.name)])
  const values = new Map<string, Value>()
  for (const { name, dtype, shape } of graph.inputs) values.set(name, builder.input(name, dtype, shape, known?.get(name)))
  for (const [name, constant] of graph.constants) values.set(name, builder.constant(constant, name, known?.get(name)))

  const read = (name: string, by: string): Value => {
    const value = values.get(name)
    if (value === undefined) throw new InvalidGraphError({ graph: graph.name, problem: `${by} reads '${name}', which nothing before it makes` })
    return value
  }
  let changed = false
  for (const node of graph.nodes) {
    const definition = definitionOf(ops, node.op, graph.name)
    const inputs = node.inputs.map((name) => (name === '' ? undefined : read(name, node.op)))
    const same = known !== undefined && inputs.every((input, index) => input === undefined || isType(input.type, known.get(node.inputs[index]!))) && node.outputs.every((name) => name === '' || known.has(name))
    if (!same) checkCall(graph.name, definition, inputs, node.attributes)
    const types = node.outputs.map((name) => known?.get(name))
    const replacement = rule({ node, definition, inputs, types, builder })
    changed ||= replacement !== undefined
    const made = replacement !== undefined ? [replacement].flat() : same ? builder.repeat(definition, inputs, node.attributes, node.outputs, types.map((type) => type ?? UNWANTED)) : builder.emitNamed(definition, inputs, node.attributes, node.outputs)
    node.outputs.forEach((name, index) => {
      if (name === '') return
      if (values.has(name)) throw new InvalidGraphError({ graph: graph.name, problem: `two values are named '${name}'` })
      const value = made[index]
      if (value === undefined) throw new InvalidGraphError({ graph: graph.name, problem: `nothing replaces '${name}', an output of ${node.op}` })
      values.set(name, value)
    })
  }
  for (const { name } of graph.outputs) {
    const updated = graph.updates?.get(name)
    builder.output(name, read(name, 'the output list'), updated === undefined ? undefined : read(updated, 'the list of updates'))
  }
  return { builder, values, changed }
}
