import type { Graph } from '@tenon/core'

/** A size of an output: always the same, or that of an input's dimension. */
export type OutputSize = number | { readonly input: number; readonly dimension: number }

/** What is known of each output's shape before a run; `undefined` where a size depends on more than the sizes of the inputs. */
export function outputSizes({ inputs, outputs }: Pick<Graph, 'inputs' | 'outputs'>): readonly (readonly OutputSize[] | undefined)[] {
  const names = new Map<string, OutputSize>()
  for (const [input, { shape }] of inputs.entries()) {
    for (const [dimension, size] of shape.entries()) if (typeof size === 'string' && !names.has(size)) names.set(size, { input, dimension })
  }
  return outputs.map(({ shape }) => {
    const sizes = shape.map((size) => (typeof size === 'string' ? names.get(size) : size))
    return sizes.every((size) => size !== undefined) ? (sizes as OutputSize[]) : undefined
  })
}
