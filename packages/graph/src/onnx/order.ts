import type { Complain, ForeignGraph, ForeignNode } from './foreign.js'

/** Names that a node reads, those of its branches' surroundings included. */
export function readsOf(node: ForeignNode): Set<string> {
  const reads = new Set(node.inputs.filter((name) => name !== ''))
  for (const { graph } of node.attributes.values()) if (graph !== undefined) for (const name of surroundings(graph)) reads.add(name)
  return reads
}

/** What a branch reads and does not make. */
function surroundings({ inputs, tensors, nodes, outputs }: ForeignGraph): Set<string> {
  const own = new Set([...inputs, ...tensors].map(({ name }) => name))
  for (const node of nodes) for (const name of node.outputs) own.add(name)
  const reads = new Set(nodes.flatMap((node) => [...readsOf(node)]))
  for (const { name } of outputs) reads.add(name)
  return new Set([...reads].filter((name) => !own.has(name)))
}

/**
 * Nodes in an order in which they can run: the file's own where that is one, as ONNX asks. Some tools leave another.
 * @throws InvalidFileError for a cycle.
 */
export function inOrder(nodes: readonly ForeignNode[], describe: (node: ForeignNode) => string, problem: Complain): readonly ForeignNode[] {
  const makers = new Map<string, number>()
  for (const [index, { outputs }] of nodes.entries()) for (const name of outputs) if (name !== '' && !makers.has(name)) makers.set(name, index)
  const needs = nodes.map((node) => [...readsOf(node)].flatMap((name) => makers.get(name) ?? []))
  if (needs.every((before, index) => before.every((maker) => maker < index))) return nodes

  const ordered: ForeignNode[] = []
  const state = new Uint8Array(nodes.length) // 1 while what a node needs is being placed, 2 when it is placed itself
  for (const start of nodes.keys()) {
    const stack = [start] // not recursion: a chain of nodes is as long as the file likes
    while (stack.length > 0) {
      const index = stack.at(-1)!
      if (state[index] === 0) {
        state[index] = 1
        for (const maker of needs[index]!.toReversed()) {
          if (state[maker] === 1) return problem(`holds a cycle: ${describe(nodes[maker]!)} needs what it makes itself`)
          if (state[maker] === 0) stack.push(maker)
        }
      } else {
        stack.pop()
        if (state[index] === 1) ordered.push(nodes[index]!)
        state[index] = 2
      }
    }
  }
  return ordered
}
