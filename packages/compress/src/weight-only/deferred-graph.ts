import type { Graph } from '@tenon/core'

const fields = ['name', 'inputs', 'outputs', 'nodes', 'constants', 'operators', 'updates'] as const satisfies readonly (keyof Graph)[]

const deferred = new WeakSet<Graph>()

/** A graph that is made when it is first looked at: what writes is looked at when what reads prompts is ready. */
export function deferredGraph(make: () => Graph): Graph {
  let made: Graph | undefined
  const graph = {} as Graph
  for (const field of fields) Object.defineProperty(graph, field, { enumerable: true, get: () => (made ??= make())[field] })
  deferred.add(graph)
  return graph
}

export const isDeferred = (graph: Graph): boolean => deferred.has(graph)
