import { InvalidFileError, tensor, type Encoding, type Graph, type Tensor } from '@tenon/core'
import { extend, integers, type Value } from '@tenon/graph'
import { Add, Gather, Gemm, MatMul, Reshape, Softmax } from '@tenon/graph/ops'

/** The input of the graph that `appendMaskScores` makes: where masks stand, row · length + column, int64, [masks]. */
export const MASK_POSITIONS = 'mask_positions'

/** Its output: the probability of every token in each mask's place, [masks, vocabulary]. */
export const MASK_SCORES = 'mask_scores'

/**
 * Grows a masked language model's graph by a choice of rows, so that the scores of other tokens, as many as the vocabulary for
 * each, are neither computed nor copied.
 * @throws InvalidFileError where the graph makes no such scores.
 */
export function appendMaskScores(graph: Graph, reference: string): Graph {
  const { builder, values } = extend(graph)
  const logits = values.get('logits')
  if (logits?.dtype !== 'float32' || logits.shape.length !== 3 || typeof logits.shape[2] !== 'number') {
    throw new InvalidFileError({ path: reference, problem: "has a graph that does not make 'logits', float32, [batch, sequence, vocabulary], with a fixed vocabulary", remedy: 'Export it for masked language modelling (fill-mask)' })
  }
  const positions = builder.input(MASK_POSITIONS, 'int64', ['masks'])
  builder.output(MASK_SCORES, Softmax(rowsAt(graph, values, 'logits', positions), { axis: -1 }))
  return builder.build()
}

/**
 * The rows of a value at these positions, its axes but the last taken as one. They are chosen before the product that makes
 * them where there is one, since it treats every row by itself and, over a vocabulary, is much of a run.
 */
function rowsAt(graph: Graph, values: ReadonlyMap<string, Value>, name: string, positions: Value): Value {
  const value = values.get(name)!
  const node = graph.nodes.find(({ outputs }) => outputs.includes(name))
  const [first, second, third] = node?.inputs.map((input) => (input === '' ? undefined : values.get(input))) ?? []
  const isRow = (other: Value | undefined) => other === undefined || other.shape.length <= 1
  const isTable = (other: Value | undefined) => typeof other?.shape.at(-1) === 'number' // otherwise its rows cannot be told apart
  if (node?.op === Reshape.op && first!.shape.at(-1) === value.shape.at(-1)) return rowsAt(graph, values, node.inputs[0]!, positions)
  if (node?.op === Add.op && isTable(first) && isRow(second)) return Add(rowsAt(graph, values, node.inputs[0]!, positions), second!)
  if (node?.op === Add.op && isTable(second) && isRow(first)) return Add(first!, rowsAt(graph, values, node.inputs[1]!, positions))
  if (node?.op === MatMul.op && isTable(first) && second!.shape.length === 2) return MatMul(chosen(first!, positions), second!)
  if (node?.op === Gemm.op && node.attributes['transA'] !== 1 && isRow(third)) return Gemm(chosen(first!, positions), second!, third, node.attributes)
  return chosen(value, positions)
}

/** [masks, size] */
function chosen(x: Value, positions: Value): Value {
  return Gather(x.shape.length === 2 ? x : Reshape(x, integers(x, [-1, x.shape.at(-1) as number])), positions)
}

/** Where the masks of a run stand. */
export function maskPositions(encodings: readonly Encoding[], length: number, mask: number): Tensor {
  const positions = encodings.flatMap(({ ids }, row) => masksIn(ids, mask).map((column) => row * length + column))
  return tensor('int64', [positions.length], BigInt64Array.from(positions, BigInt))
}

/** Where an encoding holds the mask. */
export const masksIn = (ids: readonly number[], mask: number): number[] => ids.flatMap((id, column) => (id === mask ? [column] : []))
