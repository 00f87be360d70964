import { viewAs, type Constant, type Graph } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { largestOf } from './quantize-channels.js'

/**
 * How much of a column's range moves into the weights. SmoothQuant (Xiao et al. 2022, equation 4) takes 0.5 for
 * weights and activations with a scale per tensor. With one per row and per channel, 0.35 of the range, over the
 * whole of the weights' own, was the most exact on all-MiniLM-L6-v2.
 */
const STRENGTH = 0.35

/** Normalised values seldom leave this many standard deviations. */
const DEVIATIONS = 3

/** Where the operators that normalise rows have their scale and shift. */
const norms: Readonly<Record<string, { readonly gamma: number; readonly beta: number }>> = {
  LayerNormalization: { gamma: 1, beta: 2 },
  'com.microsoft::SkipLayerNormalization': { gamma: 2, beta: 3 },
}

/** What moves rows without changing them. */
const moves = new Set(['Reshape', 'Identity'])

/** Scale and shift of a normalisation. */
export interface Norm {
  readonly gamma: Constant
  readonly beta: Constant | undefined
}

/** The normalisation that a value's rows come from, if its parameters are constants. */
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
  return gamma?.dtype === 'float32' && gamma.shape.length === 1 ? { gamma, beta: constantAt(places.beta) } : undefined
}

/** Inputs that only decide where attention looks: a softmax forgives their errors as nothing else does. */
const scores: Readonly<Record<string, readonly number[]>> = { 'com.microsoft::MultiHeadAttention': [0, 1] }

/** Whether a value of the graph goes into attention's scores and nowhere else. */
export function onlyScores(graph: Graph, name: string): boolean {
  const uses = graph.nodes.flatMap((node) => node.inputs.flatMap((input, position) => (input === name ? [{ node, position }] : [])))
  if (uses.length === 0 || graph.outputs.some((output) => output.name === name)) return false
  return uses.every(({ node, position }) => (moves.has(node.op) ? position === 0 && onlyScores(graph, node.outputs[0]!) : scores[node.op]?.includes(position) === true))
}

/** A weight that reads smoothed rows, and which of its axes counts their columns. */
export interface Reader {
  readonly weight: Constant
  readonly axis: 0 | 1
  /** Whether its errors are forgiven; such a weight has no say where others have one. */
  readonly forgiving: boolean
}

/**
 * What to divide each column of the activations by, and multiply into the weights, so that no column's outliers
 * set the scale of all. The range of a column is told by the norm it comes from, so that no calibration is needed.
 */
export async function smoothingScales({ gamma, beta }: Norm, readers: readonly Reader[]): Promise<Float32Array> {
  const scale = viewAs('float32', await gamma.bytes())
  const shift = beta && viewAs('float32', await beta.bytes())
  const weights = new Float32Array(scale.length)
  const exacting = readers.filter((reader) => !reader.forgiving)
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
