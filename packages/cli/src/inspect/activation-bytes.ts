import { byteLength, type Dimension, type Graph, type NumericType } from '@tenon/core'
import { inferTypes } from '@tenon/graph'

/** How much a model is given at once. */
export interface Load {
  readonly batch: number
  readonly tokens: number
}

/**
 * Most bytes that the values of one run take at a time, each freed after it was read last: an estimate, since a runtime
 * may reuse or hold more. Values whose size only a run can tell count as nothing.
 */
export function activationBytes(graph: Graph, load: Load): number {
  const types = inferTypes({ ...graph, inputs: graph.inputs.map((input) => ({ ...input, shape: input.shape.map((size, axis) => sized(size, axis, load)) })) })
  const sizeOf = (name: string): number => {
    const type = types.get(name)
    if (type === undefined || type.dtype === 'string' || graph.constants.has(name) || !type.shape.every((size) => typeof size === 'number')) return 0
    return byteLength(type.dtype as NumericType, type.shape)
  }
  const lastReader = new Map<string, number>()
  for (const [index, { inputs }] of graph.nodes.entries()) for (const name of inputs) lastReader.set(name, index)
  const kept = new Set(graph.outputs.map(({ name }) => name))

  let alive = graph.inputs.reduce((sum, { name }) => sum + sizeOf(name), 0)
  let most = alive
  for (const [index, { inputs, outputs }] of graph.nodes.entries()) {
    alive += outputs.reduce((sum, name) => sum + sizeOf(name), 0)
    most = Math.max(most, alive)
    for (const name of new Set([...inputs, ...outputs])) if ((lastReader.get(name) ?? index) === index && !kept.has(name)) alive -= sizeOf(name)
  }
  return most
}

/** The first axis of an input is the batch, by whatever name; the last the tokens; between them stand the choices of `multiple-choice`. */
function sized(size: Dimension, axis: number, { batch, tokens }: Load): number {
  if (typeof size === 'number') return size
  if (axis === 0) return batch
  return size === 'choices' ? 2 : tokens
}
