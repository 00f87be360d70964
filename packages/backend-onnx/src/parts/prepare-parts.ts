import type { Graph } from '@tenon/core'

import type { Part } from '../binding.js'
import { prepareModel, type PrepareOptions } from '../weights/prepare-model.js'

export const namesOf = ({ inputs, outputs }: Pick<Graph, 'inputs' | 'outputs'>) => ({ inputs: inputs.map(({ name }) => name), outputs: outputs.map(({ name }) => name) })

/** Prepares what a graph was divided into. Nothing is left where one of them cannot be. @throws what `prepareModel` throws */
export async function prepareParts(graphs: readonly Graph[], options: PrepareOptions): Promise<readonly Part[]> {
  const parts: Part[] = []
  try {
    for (const graph of graphs) parts.push({ model: await prepareModel(graph, options), ...namesOf(graph) })
    return parts
  } catch (error) {
    await Promise.all(parts.map(({ model }) => model.release()))
    throw error
  }
}
