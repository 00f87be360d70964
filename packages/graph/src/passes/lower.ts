import { InvalidGraphError, ShapeMismatchError, TypeMismatchError, UnsupportedOpError, type Backend, type Graph, type Node, type Pass, type ValueInfo } from '@tenon/core'
import { contextOf, filled, inferCall } from '../call.js'
import { knownTypes } from '../known-types.js'
import type { Value } from '../op.js'
import { rewrite, type Visit } from '../rewrite.js'

/** Decompositions of decompositions: a few in @tenon/graph, and without end where one comes back to itself. */
const MOST_ROUNDS = 32

/**
 * Replaces each node that a backend does not support by its decomposition, until only supported ones are left.
 * @throws UnsupportedOpError when some have no decomposition, with inputs of their types. It names all of them.
 * @throws ShapeMismatchError, TypeMismatchError, InvalidGraphError when a decomposition makes something else than its operator, or the operator again.
 */
export function lower(backend: Pick<Backend, 'name' | 'supports'>): Pass {
  return {
    name: `lower for ${backend.name}`,
    apply(graph) {
      if (isLowered(graph, backend)) return graph
      for (let [current, round] = [graph, 0]; ; round++) {
        const decomposed = new Set<string>()
        const stuck = new Map<string, { readonly node: Node; readonly inputs: readonly (ValueInfo | undefined)[] }>()
        const next = rewrite(current, (visit) => {
          const { node, definition, inputs } = visit
          if (backend.supports(node, inputs)) return undefined
          const parts = definition.decompose?.(inputs, filled(definition, node.attributes), contextOf(definition, inputs, node.outputs.length))
          if (parts === undefined) {
            if (!stuck.has(node.op)) stuck.set(node.op, { node, inputs })
            return undefined
          }
          decomposed.add(node.op)
          checkParts(visit, [parts].flat())
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
        if (round === MOST_ROUNDS) throw new InvalidGraphError({ graph: graph.name, problem: `the decomposition of ${[...decomposed].join(' or ')} comes back to what it began with`, remedy: 'Decompose into simpler operators' })
        current = next
      }
    },
  }
}

/** Whether a graph whose types are known needs nothing: most do, and to replay them takes time. */
function isLowered(graph: Graph, backend: Pick<Backend, 'supports'>): boolean {
  const types = knownTypes(graph)
  if (types === undefined) return false
  return graph.nodes.every((node) => {
    const inputs = node.inputs.map((name) => (types.has(name) ? { name, ...types.get(name)! } : undefined))
    return inputs.every((input, index) => input !== undefined || node.inputs[index] === '') && backend.supports(node, inputs)
  })
}

/** What stands for an operator is what it was said to be; sizes that only a run can tell may be spelled differently. */
function checkParts({ node, definition, inputs }: Visit, parts: readonly Value[]): void {
  for (const [index, { dtype, shape }] of inferCall(definition, inputs, node.attributes, node.outputs.length).entries()) {
    const part = parts[index]
    if (part === undefined) continue
    const op = `the decomposition of ${node.op}`
    if (part.dtype !== dtype) throw new TypeMismatchError({ op, expected: dtype, actual: part.dtype })
    const fits = part.shape.length === shape.length && shape.every((size, axis) => typeof size !== 'number' || typeof part.shape[axis] !== 'number' || size === part.shape[axis])
    if (!fits) throw new ShapeMismatchError({ op, expected: shape, actual: part.shape })
  }
}
