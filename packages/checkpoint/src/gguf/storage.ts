import type { Constant } from '@tenon/core'
import type { GgufConstant } from './gguf-constant.js'

/** How many weights of a GGUF model are stored in a type, and what they are run as. */
export interface GgufStorage {
  /** ggml's name: `'Q4_K'`. */
  readonly type: string
  /** In blocks that hold the same numbers, in blocks of 8 bits that were rounded anew, or in floats. */
  readonly as: 'exact' | 'requantised' | 'float'
  readonly tensors: number
  readonly parameters: number
  /** In the file. */
  readonly bytes: number
}

/**
 * What became of the weights of a GGUF model, the most numbers first. Empty for checkpoints of other formats.
 * @example
 * storageOf(checkpoint.constants.values()) // [{ type: 'Q4_1', as: 'requantised', tensors: 210, parameters: 106168320, bytes: 66355200 }, …]
 */
export function storageOf(constants: Iterable<Constant>): GgufStorage[] {
  const sums = new Map<string, { type: string; as: GgufStorage['as']; tensors: number; parameters: number; bytes: number }>()
  for (const constant of constants) {
    if (!isOfGguf(constant)) continue
    const { type, as, bytes } = constant.gguf
    const sum = sums.get(`${type} ${as}`) ?? { type, as, tensors: 0, parameters: 0, bytes: 0 }
    sums.set(`${type} ${as}`, { ...sum, tensors: sum.tensors + 1, parameters: sum.parameters + constant.shape.reduce((product, size) => product * size, 1), bytes: sum.bytes + bytes })
  }
  return [...sums.values()].sort((a, b) => b.parameters - a.parameters)
}

const isOfGguf = (constant: Constant): constant is GgufConstant => 'gguf' in constant
