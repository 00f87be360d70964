import { UnsupportedOpError, type Backend, type Node, type Pass, type ValueInfo } from '@tenon/core'
import { contextOf, filled } from '../call.js'
import { rewrite } from '../rewrite.js'

/**
 * Replaces each node that a backend does not support by its decomposition, until only supported ones are left.
 * @throws UnsupportedOpError when some have no decomposition, with inputs of their types. It names all of them.
 */
export function lower(backend: Pick<Backend, 'name' | 'supports'>): Pass {
  return {
    name: `lower for ${backend.name}`,
    apply(graph) {
      for (let current = graph; ; ) {
        const stuck = new Map<string, { readonly node: Node; readonly inputs: readonly (ValueInfo | undefined)[] }>()
        const next = rewrite(current, ({ node, definition, inputs }) => {
          if (backend.supports(node, inputs)) return undefined
          const parts = definition.decompose?.(inputs as never, filled(definition, node.attributes) as never, contextOf(definition, inputs, node.outputs.length))
          if (parts === undefined && !stuck.has(node.op)) stuck.set(node.op, { node, inputs })
          return parts
        })
        if (next === current) {
          const [first, ...others] = stuck.values()
          if (first === undefined) return current
          throw new UnsupportedOpError({
            op: first.node.op,
            node: first.node.outputs.find((name) => name !== '') ?? '',
            backend: backend.name,
            others: others.map(({ node }) => node.op),
            isSupportedBy: (other) => [first, ...others].every(({ node, inputs }) => other.supports(node, inputs)),
          })
        }
        current = next
      }
    },
  }
}
