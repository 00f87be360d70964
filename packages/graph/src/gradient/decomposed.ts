import type { Graph, Node } from '@tenon/core'
import { contextOf, filled } from '../call.js'
import type { OpDefinition } from '../op.js'
import { rewrite } from '../rewrite.js'

/** Replaces nodes by their decompositions, and those of them again, as long as `picks` takes one. What has no decomposition stays. */
export function decomposed(graph: Graph, picks: (graph: Graph) => (node: Node, definition: OpDefinition) => boolean): Graph {
  for (let current = graph; ; ) {
    const picked = picks(current)
    const next = rewrite(current, ({ node, definition, inputs }) =>
      picked(node, definition) ? definition.decompose?.(inputs as never, filled(definition, node.attributes) as never, contextOf(definition, inputs, node.outputs.length)) : undefined)
    if (next === current) return current
    current = next
  }
}
