import type { Graph } from '@tenon/core'
import type { ValueType } from './op.js'

const known = new WeakMap<Graph, ReadonlyMap<string, ValueType>>()

/** The types of the values of a graph that was built or looked through here, by name. */
export const knownTypes = (graph: Graph): ReadonlyMap<string, ValueType> | undefined => known.get(graph)

/** For graphs that are frozen: they stay what they are. */
export const rememberTypes = (graph: Graph, types: ReadonlyMap<string, ValueType>): void => void known.set(graph, types)
