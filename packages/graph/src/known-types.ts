import type { Graph } from '@tenon/core'
import type { ValueType } from './op.js'

const known = new WeakMap<Graph, ReadonlyMap<string, ValueType>>()

/** The types of values of a graph that was built or looked through here, by name: of all, or of most. */
export const knownTypes = (graph: Graph): ReadonlyMap<string, ValueType> | undefined => known.get(graph)

/** For graphs that are frozen: they stay what they are. */
export const rememberTypes = (graph: Graph, types: ReadonlyMap<string, ValueType>): void => void known.set(graph, types)

/** What is known of a graph is known of what was made of it: values have kept their names, and names their types. */
export function keepTypes(from: Graph, made: Graph): Graph {
  const types = known.get(from)
  if (types !== undefined) rememberTypes(made, types)
  return made
}
