import type { Graph, Node, Pass } from '@tenon/core'
import { keepTypes } from '../known-types.js'
import { inferTypes } from '../rewrite.js'

type Norm = Node<'SimplifiedLayerNormalization'>

/** A sum that is normed next is summed and normed at once: x + f(x) between the halves of a decoder's block. */
export function fuseSkipNorm(): Pass {
  return { name: 'fuse skip connections with norms', apply: fused }
}

function fused(graph: Graph): Graph {
  const sums = new Map(graph.nodes.flatMap((node) => (node.op === 'Add' ? [[node.outputs[0]!, node] as const] : [])))
  const norms = new Map<Node, Norm>() // of a sum, the first to norm it
  const types = inferTypes(graph)
  const [shape, dtype] = [(name: string) => types.get(name)!.shape, (name: string) => types.get(name)!.dtype]
  for (const node of graph.nodes) {
    const sum = sums.get(node.inputs[0]!)
    if (sum === undefined || norms.has(sum) || !isRowNorm(node, shape) || !graph.constants.has(node.inputs[1]!)) continue // a scale that is computed may come after the sum
    const [left, right] = sum.inputs.map((name) => shape(name).join())
    // The kernel adds tensors of [batch, sequence, hidden] or [rows, hidden], broadcasts neither, and has one type for all.
    if (left === right && [2, 3].includes(shape(sum.inputs[0]!).length) && dtype(sum.inputs[0]!) === dtype(node.inputs[1]!)) norms.set(sum, node)
  }
  if (norms.size === 0) return graph
  const fusedAway = new Set<Node>(norms.values())
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (fusedAway.has(node)) return []
    const norm = norms.get(node)
    return norm === undefined ? [node] : [both(node, norm)]
  })
  return keepTypes(graph, Object.freeze({ ...graph, nodes: Object.freeze(nodes) }))
}

function isRowNorm(node: Node, shape: (name: string) => readonly unknown[]): node is Norm {
  if (node.op !== 'SimplifiedLayerNormalization' || (node.outputs[1] ?? '') !== '') return false
  const { axis = -1 } = (node as Norm).attributes
  const rank = shape(node.inputs[0]!).length
  return (axis === -1 || axis === rank - 1) && shape(node.inputs[1]!).length === 1
}

function both(sum: Node, norm: Norm): Node {
  const { epsilon = 1e-5 } = norm.attributes
  return Object.freeze({
    op: 'com.microsoft::SkipSimplifiedLayerNormalization',
    inputs: Object.freeze([...sum.inputs, norm.inputs[1]!]),
    outputs: Object.freeze([norm.outputs[0]!, '', '', sum.outputs[0]!]),
    attributes: Object.freeze({ epsilon }),
  })
}
