import type { Constant, Graph, Node, ValueInfo } from '@tenon/core'
import { inferTypes } from '@tenon/graph'
import { Gather, MatMulNBits } from '@tenon/graph/ops'

/** A part is one more call in each run, some 0.3 to 1.5 ms: of a token of smaller models that is too much for what loading gains. */
const SMALLEST_PART = 160 * 2 ** 20

/** Values that go from one part to the next, at most: each is looked up in every run. */
const MOST_CROSSING = 8

/**
 * Cuts a graph into some that are run one after another, with about as much to be laid out for their kernels in
 * each: ONNX Runtime does that on one thread for a session, and takes most of its time to load for it. Where little is laid out, or
 * many values would go from part to part, it stays in one.
 * @param inPlace Weights that are run from where they lie.
 */
export function divide(graph: Graph, most: number, smallest = SMALLEST_PART, inPlace: ReadonlySet<Constant> = new Set()): readonly Graph[] {
  const sizes = graph.nodes.map((node) => laidOut(graph, node, inPlace))
  const total = sizes.reduce((all, size) => all + size, 0)
  const count = Math.min(most, Math.floor(total / smallest))
  if (count < 2) return [graph]

  const crossing = crossings(graph)
  let sum = 0
  const before = sizes.map((size) => (sum += size) - size)
  const cuts = new Set<number>()
  for (let part = 1; part < count; part++) {
    const cost = (at: number) => crossing[at]! + (100 * Math.abs(before[at]! - (total * part) / count)) / total
    let best = 1
    for (let at = 2; at < graph.nodes.length; at++) if (cost(at) < cost(best)) best = at
    if (crossing[best]! <= MOST_CROSSING) cuts.add(best)
  }
  return cut(graph, Array.from(cuts).toSorted((a, b) => a - b))
}

/** Of blocks in 8 bits: their layout takes so many times as long, a byte, as that of int8 columns and of blocks in 4 bits. */
const WIDE_BLOCKS = 4 / 3

/** Bytes of weights that a node's kernel lays out as it likes, by the time it takes. Rows of tables are looked up where they are. */
function laidOut({ constants }: Graph, { op, inputs, attributes }: Node, inPlace: ReadonlySet<Constant>): number {
  if (op === Gather.op) return 0
  const laid = inputs.flatMap((name) => constants.get(name) ?? []).filter((constant) => !inPlace.has(constant))
  const bytes = laid.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return op === MatMulNBits.op && attributes['bits'] === 8 ? WIDE_BLOCKS * bytes : bytes
}

/** How many values are made before each node, and read by it or after it. */
function crossings({ nodes }: Graph): readonly number[] {
  const changes = Array.from(nodes, () => 0)
  changes.push(0)
  for (const [made, read] of lifetimes(nodes).values()) {
    changes[made + 1]!++
    changes[read + 1]!--
  }
  let alive = 0
  return changes.map((change) => (alive += change))
}

/** For each value that a node makes, the place of that node, and of the last to read it. */
function lifetimes(nodes: readonly Node[]): ReadonlyMap<string, readonly [made: number, read: number]> {
  const lives = new Map<string, [number, number]>()
  for (const [at, { inputs, outputs }] of nodes.entries()) {
    for (const name of inputs) if (lives.has(name)) lives.get(name)![1] = at
    for (const name of outputs) if (name !== '') lives.set(name, [at, at])
  }
  return lives
}

function cut(graph: Graph, cuts: readonly number[]): readonly Graph[] {
  if (cuts.length === 0) return [graph]
  const lives = lifetimes(graph.nodes)
  const types = inferTypes(graph)
  const valueOf = (name: string): ValueInfo => ({ name, dtype: types.get(name)!.dtype, shape: types.get(name)!.shape })
  const edges = [0, ...cuts, graph.nodes.length]
  return edges.slice(1).map((end, part): Graph => {
    const begin = edges[part]!
    const nodes = graph.nodes.slice(begin, end)
    const read = new Set(nodes.flatMap(({ inputs }) => inputs))
    const made = new Set(nodes.flatMap(({ outputs }) => outputs))
    const outputs = graph.outputs.filter(({ name }) => made.has(name))
    const isOutput = new Set(outputs.map(({ name }) => name))
    return {
      name: `${graph.name}, part ${part + 1} of ${edges.length - 1}`,
      inputs: [...graph.inputs.filter(({ name }) => read.has(name)), ...Array.from(read).filter((name) => lives.has(name) && !made.has(name)).map(valueOf)],
      outputs: [...outputs, ...Array.from(made).filter((name) => !isOutput.has(name) && (lives.get(name)?.[1] ?? 0) >= end).map(valueOf)],
      nodes,
      constants: new Map(Array.from(graph.constants).filter(([name]) => read.has(name))),
      ...(graph.operators && { operators: graph.operators }),
    }
  })
}
