import type { Graph } from '@tenon/core'

const fields = ['name', 'inputs', 'outputs', 'nodes', 'constants', 'operators', 'updates'] as const satisfies readonly (keyof Graph)[]

const deferred = new WeakMap<Graph, Promise<void>>()

/** A graph that is made when it is first looked at: what writes is looked at when what reads prompts is ready. */
export function deferredGraph(make: () => Graph): Graph {
  let made: Graph | undefined
  let tell = (): void => undefined
  const graph = {} as Graph
  deferred.set(graph, new Promise((resolve) => (tell = resolve)))
  const look = () => {
    made ??= make()
    tell()
    return made
  }
  for (const field of fields) Object.defineProperty(graph, field, { enumerable: true, get: () => (made ?? look())[field] })
  return graph
}

export const isDeferred = (graph: Graph): boolean => deferred.has(graph)

/** Resolves when the graph was looked at; at once where it never waited for that. */
export const whenMade = (graph: Graph): Promise<void> => deferred.get(graph) ?? Promise.resolve()
