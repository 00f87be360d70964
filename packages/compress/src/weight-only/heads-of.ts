import type { Graph, Node } from '@tenon/core'
import { Add, Cast, Div, Identity, MatMulNBits, Mul, Reshape, Squeeze, Tanh, Transpose } from '@tenon/graph/ops'
import { weightLayout } from '../weight-layout.js'

/** What stands between a head and the outputs: moves, a bias or a factor, and the soft cap that some families put on logits. */
const between: ReadonlySet<string> = new Set([Add, Cast, Div, Identity, Mul, Reshape, Squeeze, Tanh, Transpose].map(({ op }) => op))

/** The linear layers that make the outputs, with nothing behind them but constants. */
export function headsOf(graph: Graph): ReadonlySet<Node> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const heads = new Set<Node>()
  const visit = (value: string): void => {
    const maker = makers.get(value)
    if (maker === undefined) return
    if (weightLayout(maker) !== undefined || maker.op === MatMulNBits.op) heads.add(maker)
    else if (between.has(maker.op)) {
      // A reshape's second input is computed from sizes, and no value of its own; where two values meet, a sum of layers begins.
      const values = maker.op === Reshape.op ? maker.inputs.slice(0, 1) : maker.inputs.filter((input) => !graph.constants.has(input))
      if (values.length === 1) visit(values[0]!)
    }
  }
  for (const { name } of graph.outputs) visit(name)
  return heads
}
