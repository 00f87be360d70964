import { UnsupportedOpError, type Backend, type Pass } from '@tenon/core'
import { contextOf, filled } from '../call.js'
import { rewrite } from '../rewrite.js'

/**
 * Replaces each node that a backend does not support by its decomposition, until only supported ones are left.
 * @throws UnsupportedOpError when one has no decomposition, with inputs of its types.
 */
export function lower(backend: Pick<Backend, 'name' | 'supports'>): Pass {
  return {
    name: `lower for ${backend.name}`,
    apply(graph) {
      for (let current = graph; ; ) {
        const next = rewrite(current, ({ node, definition, inputs }) => {
          if (backend.supports(node, inputs)) return undefined
          const parts = definition.decompose?.(inputs as never, filled(definition, node.attributes) as never, contextOf(definition, inputs, node.outputs.length))
          if (parts === undefined) throw new UnsupportedOpError({ op: node.op, node: node.outputs[0]!, backend: backend.name })
          return parts
        })
        if (next === current) return current
        current = next
      }
    },
  }
}
