import type { Graph, Node } from '@tenon/core'
import { Cast, MatMulNBits, Sigmoid, Softmax, Split, TopK } from '@tenon/graph/ops'
import { weightLayout } from '../weight-layout.js'

interface Experts {
  /** Linear layers over those rows that were dealt out to them, of which a run may have none. */
  readonly layers: ReadonlySet<Node>
  /** The linear layers whose results say where a row goes. */
  readonly routers: ReadonlySet<Node>
}

/** From scores to what chooses among them. */
const between: ReadonlySet<string> = new Set([Cast, Sigmoid, Softmax].map(({ op }) => op))

const isLinear = (node: Node | undefined): node is Node => node !== undefined && (weightLayout(node) !== undefined || node.op === MatMulNBits.op)

/** The layers of a mixture of experts: rows are split by sizes that were computed, and what scored them is ranked. */
export function expertsOf(graph: Graph): Experts {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const dealsOut = (node: Node | undefined) => node?.op === Split.op && (node.attributes['axis'] ?? 0) === 0 && (node.inputs[1] ?? '') !== '' && !graph.constants.has(node.inputs[1]!)
  const layers = new Set(graph.nodes.filter((node) => isLinear(node) && dealsOut(makers.get(node.inputs[0]!))))
  const routers = new Set<Node>()
  for (const { op, inputs } of layers.size === 0 ? [] : graph.nodes) {
    let maker = op === TopK.op ? makers.get(inputs[0]!) : undefined
    while (maker !== undefined && between.has(maker.op)) maker = makers.get(maker.inputs[0]!)
    if (isLinear(maker)) routers.add(maker)
  }
  return { layers, routers }
}

/** Whether rows go to experts. */
export const hasExperts = (graph: Graph): boolean => expertsOf(graph).layers.size > 0
