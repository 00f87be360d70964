import type { HostTensor } from '@tenon/core'

import type { OutputSize } from '../output-sizes.js'
import type { OutputMemory } from './native-tensor.js'

/**
 * The memory of outputs that were looked at and disposed of, to be written again: at most one for each output. A view on foreign memory
 * lives until it is collected, and weighs on the collector as much as the memory does: logits of 600 KB with every token had all of the
 * heap marked every twenty tokens.
 */
export class SpareOutputs {
  readonly #sizes: readonly (readonly OutputSize[] | undefined)[]
  readonly #spare = new Map<number, OutputMemory>()
  #closed = false

  constructor(sizes: readonly (readonly OutputSize[] | undefined)[]) {
    this.#sizes = sizes
  }

  /** Memory of the size that this output will have, if it is known and there is some. */
  take(output: number, feeds: readonly HostTensor[]): OutputMemory | undefined {
    const spare = this.#spare.get(output)
    const fits = spare?.shape.every((size, dimension) => size === sizeOf(this.#sizes[output]![dimension]!, feeds))
    if (fits !== true) return undefined
    this.#spare.delete(output)
    return spare
  }

  /** For a tensor's disposal; `undefined` where the size of the output is never known before. */
  keeper(output: number): ((memory: OutputMemory) => void) | undefined {
    if (this.#sizes[output] === undefined) return undefined
    return (memory) => void (this.#closed || this.#spare.set(output, memory))
  }

  close(): void {
    this.#closed = true
    this.#spare.clear()
  }
}

const sizeOf = (size: OutputSize, feeds: readonly HostTensor[]): number | undefined => (typeof size === 'number' ? size : feeds[size.input]!.shape[size.dimension])
