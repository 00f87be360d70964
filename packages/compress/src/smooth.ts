import { viewAs, type Constant, type Graph, type Node } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { Gelu, Identity, LayerNormalization, MultiHeadAttention, QuickGelu, Relu, Reshape, SkipLayerNormalization } from '@tenon/graph/ops'
import { weightLayout } from './weight-layout.js'
import { largestOf } from './quantize-channels.js'

/**
 * How much of a column's range moves into the weights: as SmoothQuant (Xiao et al. 2022, equation 4), yet over the
 * whole of the weights' own range and not its root, which was more exact with a scale per row and per channel.
 */
const STRENGTH = 0.5

/** Normalised values seldom leave this many standard deviations. */
const DEVIATIONS = 3

/** Where the operators that normalise rows have their scale and shift. */
const norms: Readonly<Record<string, { readonly gamma: number; readonly beta: number }>> = {
  [LayerNormalization.op]: { gamma: 1, beta: 2 },
  [SkipLayerNormalization.op]: { gamma: 2, beta: 3 },
}

/**
 * Operators whose results are never below this: a row of them is as large as its largest, or as this. The minima of x · Φ(x), also by
 * tanh (-0.17004), and of x · σ(x) (-0.27846), further down; a QuickGelu of a greater alpha stays above that.
 */
const floors: Readonly<Record<string, number>> = { [Relu.op]: 0, [Gelu.op]: -0.1701, [QuickGelu.op]: -0.2785 }

/** The least that a value's elements can be, where the operator that makes them has a bound. */
export function floorOf(builder: GraphBuilder, value: Value): number | undefined {
  const op = builder.producerOf(value)?.op
  return op !== undefined && Object.hasOwn(floors, op) ? floors[op] : undefined
}

/** What moves rows without changing them. */
const moves: ReadonlySet<string> = new Set([Reshape.op, Identity.op])

/** Scale and shift of a normalisation. */
export interface Norm {
  readonly gamma: Constant
  readonly beta: Constant | undefined
}

/** The normalisation that a value's rows come from, if its parameters are constants, one for each column. */
export function normOf(builder: GraphBuilder, value: Value): Norm | undefined {
  const producer = builder.producerOf(value)
  if (producer === undefined) return undefined
  const [source] = producer.inputs
  if (moves.has(producer.op)) return source?.shape.at(-1) === value.shape.at(-1) && source !== undefined ? normOf(builder, source) : undefined
  const places = Object.hasOwn(norms, producer.op) ? norms[producer.op]! : undefined
  if (places === undefined) return undefined
  const constantAt = (position: number) => {
    const input = producer.inputs[position]
    return input && builder.constantOf(input)
  }
  const gamma = constantAt(places.gamma)
  return gamma?.dtype === 'float32' && gamma.shape.length === 1 && gamma.shape[0] === value.shape.at(-1) ? { gamma, beta: constantAt(places.beta) } : undefined
}

/** The inputs of attention: queries and keys only make scores, whose errors a softmax forgives as nothing else does. */
const attention: Readonly<Record<string, readonly Destination[]>> = { [MultiHeadAttention.op]: ['scores', 'scores', 'values'] }

/** Where a value goes: into attention's scores alone, into attention, or anywhere else as well. */
export type Destination = 'scores' | 'values' | 'elsewhere'

export function destinationOf(graph: Graph, name: string): Destination {
  const uses = graph.nodes.flatMap((node) => node.inputs.flatMap((input, position) => (input === name ? [{ node, position }] : [])))
  if (uses.length === 0 || graph.outputs.some((output) => output.name === name)) return 'elsewhere'
  const destinations = uses.map(({ node, position }): Destination => {
    if (moves.has(node.op)) return position === 0 ? destinationOf(graph, node.outputs[0]!) : 'elsewhere'
    return (Object.hasOwn(attention, node.op) ? attention[node.op]![position] : undefined) ?? 'elsewhere'
  })
  return destinations.includes('elsewhere') ? 'elsewhere' : destinations.includes('values') ? 'values' : 'scores'
}

const known = new WeakMap<Graph, ReadonlyMap<string, Node>>()

/** The nodes that make a graph's values. */
function makersOf(graph: Graph): ReadonlyMap<string, Node> {
  const makers = known.get(graph) ?? new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  known.set(graph, makers)
  return makers
}

/**
 * Whether a value's rows are averages of even ones: attention over values that a linear layer makes of normalised
 * rows, where no token can be massive.
 */
export function isAverageOfEvenRows(graph: Graph, name: string): boolean {
  const makers = makersOf(graph)
  const source = (value: string) => {
    let maker = makers.get(value)
    while (maker !== undefined && moves.has(maker.op)) maker = makers.get(maker.inputs[0]!)
    return maker
  }
  const mixing = source(name)
  const values = mixing && Object.hasOwn(attention, mixing.op) ? mixing.inputs[attention[mixing.op]!.indexOf('values')] : undefined
  const layer = values === undefined ? undefined : source(values)
  const rows = layer && weightLayout(layer) && source(layer.inputs[0]!)
  return rows !== undefined && Object.hasOwn(norms, rows.op)
}

/** A weight that reads smoothed rows, and which of its axes counts their columns. */
export interface Reader {
  readonly weight: Constant
  readonly axis: 0 | 1
  /** A weight that only makes scores has no say where others have one. */
  readonly destination: () => Destination
}

/**
 * What to divide each column of the activations by, and multiply into the weights, so that no column's outliers
 * set the scale of all. The range of a column is told by the norm it comes from, so that no calibration is needed.
 */
export async function smoothingScales({ gamma, beta }: Norm, readers: readonly Reader[]): Promise<Float32Array> {
  const scale = viewAs('float32', await gamma.bytes())
  const shift = beta && viewAs('float32', await beta.bytes())
  const weights = new Float32Array(scale.length)
  const exacting = readers.filter((reader) => reader.destination() !== 'scores')
  for (const { weight, axis } of exacting.length > 0 ? exacting : readers) {
    const [rows, columns] = weight.shape as readonly [number, number]
    largestOf(viewAs('float32', await weight.bytes()), rows, columns, axis).forEach((largest, column) => (weights[column] = Math.max(weights[column]!, largest)))
  }
  const scales = scale.map((factor, column) => {
    const range = DEVIATIONS * Math.abs(factor) + Math.abs(shift?.[column] ?? 0)
    // A column of zeros, on either side, needs no smoothing and must not divide by 0.
    return range === 0 || weights[column] === 0 ? 1 : range ** STRENGTH / weights[column]!
  })
  const mean = scales.reduce((sum, each) => sum + each, 0) / scales.length
  return scales.map((each) => each / mean)
}
