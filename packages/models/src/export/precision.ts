import type { Graph, NumericType } from '@tenon/core'

/** How the Hugging Face tools call what a model's weights are stored in, and the ending of the file's name. */
export interface Precision {
  readonly dtype: string
  readonly suffix: string
}

const full: Precision = { dtype: 'fp32', suffix: '' }
const half: Precision = { dtype: 'fp16', suffix: '_fp16' }
const eight: Precision = { dtype: 'q8', suffix: '_quantized' }
const four: Precision = { dtype: 'q4', suffix: '_q4' }

/** Narrowest first. */
const precisions: readonly (readonly [readonly NumericType[], Precision])[] = [
  [['int4', 'uint4'], four],
  [['int8', 'uint8'], eight],
  [['float16', 'bfloat16'], half],
]

/** The narrowest type of a graph's weight matrices: those are what a compressor narrows first. */
export function precisionOf(graph: Graph): Precision {
  const types = new Set([...graph.constants.values()].filter(({ shape }) => shape.length >= 2).map(({ dtype }) => dtype))
  return precisions.find(([narrow]) => narrow.some((dtype) => types.has(dtype)))?.[1] ?? full
}
