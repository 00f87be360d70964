import type { NumericType } from '@tenon/core'
import { blockTypes, type BlockType } from './block-types.js'

/** How a tensor's numbers are stored. */
export interface TensorType {
  /** ggml's name. */
  readonly name: string
  /** Numbers that are stored together: a row holds whole blocks. */
  readonly blockSize: number
  readonly blockBytes: number
  /** Where numbers are stored one by one. */
  readonly dtype?: NumericType
  /** Where they are stored in blocks. */
  readonly blocks?: BlockType
}

const plain = (name: string, dtype: NumericType, blockBytes: number): TensorType => ({ name, dtype, blockSize: 1, blockBytes })

/** By their numbers in the file (ggml_type). */
const known: ReadonlyMap<number, TensorType> = new Map<number, TensorType>([
  [0, plain('F32', 'float32', 4)],
  [1, plain('F16', 'float16', 2)],
  [24, plain('I8', 'int8', 1)],
  [25, plain('I16', 'int16', 2)],
  [26, plain('I32', 'int32', 4)],
  [27, plain('I64', 'int64', 8)],
  [28, plain('F64', 'float64', 8)],
  [30, plain('BF16', 'bfloat16', 2)],
  ...blockTypes.map((blocks): [number, TensorType] => [blocks.id, { name: blocks.name, blockSize: blocks.size, blockBytes: blocks.bytes, blocks }]),
])

/** What else there is, by name: formats of two and three bits and tables of numbers. */
const others: ReadonlyMap<number, string> = new Map([
  [9, 'Q8_1'], [10, 'Q2_K'], [11, 'Q3_K'], [15, 'Q8_K'], [16, 'IQ2_XXS'], [17, 'IQ2_XS'], [18, 'IQ3_XXS'], [19, 'IQ1_S'], [20, 'IQ4_NL'], [21, 'IQ3_S'], [22, 'IQ2_S'], [23, 'IQ4_XS'],
  [29, 'IQ1_M'], [31, 'Q4_0_4_4'], [32, 'Q4_0_4_8'], [33, 'Q4_0_8_8'], [34, 'TQ1_0'], [35, 'TQ2_0'], [36, 'IQ4_NL_4_4'], [37, 'IQ4_NL_4_8'], [38, 'IQ4_NL_8_8'], [39, 'MXFP4'], [40, 'NVFP4'],
])

/** @throws what `fail` makes, for a type that is not read. */
export function tensorTypeOf(id: number, fail: (problem: string, remedy?: string) => Error): TensorType {
  const type = known.get(id)
  if (type !== undefined) return type
  const other = others.get(id)
  if (other === undefined) throw fail(`type ${id}, which ggml does not have`)
  throw fail(`${other}, which is not read; ${[...known.values()].map(({ name }) => name).join(', ')} are`, 'Take the model in another quantisation, such as Q4_0, Q4_K_M, Q6_K or Q8_0')
}
