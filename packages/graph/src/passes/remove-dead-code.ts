import type { Pass } from '@tenon/core'
import { keepTypes } from '../known-types.js'

/** Takes out nodes and constants that no output depends on. Inputs stay: they are what callers feed. */
export function removeDeadCode(): Pass {
  return {
    name: 'remove dead code',
    apply(graph) {
      const needed = new Set(graph.outputs.map(({ name }) => name))
      const nodes = graph.nodes
        .toReversed()
        .filter(({ inputs, outputs }) => {
          if (!outputs.some((name) => needed.has(name))) return false
          for (const name of inputs) needed.add(name)
          return true
        })
        .toReversed()
      const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)))
      if (nodes.length === graph.nodes.length && constants.size === graph.constants.size) return graph
      return keepTypes(graph, Object.freeze({ ...graph, nodes: Object.freeze(nodes), constants }))
    },
  }
}
