import type { Graph } from './graph.js'

/** What takes long to make of something that is kept, a vocabulary or a graph, kept beside it for the next process that loads it. */
export interface DerivedStore {
  /** What was written under this name, as it was; `undefined` where there is nothing. */
  read(name: string): Uint8Array | undefined
  /** What cannot be kept is not. @param name Counts up with the form of what is written: `'spelling-1'`. */
  write(name: string, bytes: Uint8Array): Promise<void>
}

const stores = new WeakMap<Graph, DerivedStore>()

/** Says where what is made of a graph may be kept: a place that no other graph has, in this process or a later one. Of a graph that a pass makes of it, nothing is said. */
export function keepBeside(graph: Graph, store: DerivedStore): void {
  stores.set(graph, store)
}

/** Where what a backend makes of this very graph may be kept; `undefined` where nobody can tell whether it will be the same the next time. */
export const derivedOf = (graph: Graph): DerivedStore | undefined => stores.get(graph)
