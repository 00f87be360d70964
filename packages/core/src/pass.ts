import type { Graph } from './graph.js'

/** Graph in, graph out: quantise, fold, fuse, lower. Pure; returns the same object when nothing changed. */
export interface Pass {
  readonly name: string
  apply(graph: Graph): Graph
}
