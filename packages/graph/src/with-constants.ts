import type { Constant, Graph } from '@tenon/core'
import { knownTypes, rememberTypes } from './known-types.js'

/** The same computation over other constants, by name. What is known of the graph's types stays known, but for constants of another type. */
export function withConstants(graph: Graph, constants: ReadonlyMap<string, Constant>): Graph {
  const changed: Graph = Object.freeze({ ...graph, constants: new Map(Array.from(graph.constants, ([name, constant]) => [name, constants.get(name) ?? constant])) })
  const types = knownTypes(graph)
  if (types === undefined) return changed
  const kept = new Map(types)
  for (const [name, { dtype, shape }] of constants) {
    const type = types.get(name)
    if (type?.dtype !== dtype || type.elements !== undefined || type.shape.join() !== shape.join()) kept.delete(name)
  }
  rememberTypes(changed, kept)
  return changed
}
