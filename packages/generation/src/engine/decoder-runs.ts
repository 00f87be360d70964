import { tensor, type Executable, type HostTensor } from '@tenon/core'
import type { KeyValueCache } from './key-value-cache.js'

/** Feeds and runs of the two executables over one cache. */
export class DecoderRuns {
  readonly #decoder: Pick<Executable, 'run'>
  readonly #prefill: Pick<Executable, 'run'>
  readonly #cache: KeyValueCache
  /** By the cache's views, which are the same until it is resized: nothing is made anew for a step. */
  readonly #steps = new WeakMap<object, { readonly ids: BigInt64Array; readonly lengths: Int32Array; readonly feeds: Readonly<Record<string, HostTensor>> }>()
  readonly #length = new Int32Array(1)

  constructor({ decoder, prefill }: Readonly<Record<'decoder' | 'prefill', Pick<Executable, 'run'>>>, cache: KeyValueCache) {
    this.#decoder = decoder
    this.#prefill = prefill
    this.#cache = cache
  }

  /** Whether prompts are run by a graph of their own. */
  get prefillsApart(): boolean {
    return this.#prefill !== this.#decoder
  }

  /**
   * Runs some tokens of one sequence.
   * @param scored How many of them give logits: at least one, the last but those `behind`.
   */
  async chunk(slot: number, tokens: readonly number[], past: number, scored: number, by: 'prefill' | 'decoder', signal: AbortSignal, behind = 0): Promise<Logits> {
    const count = tokens.length
    this.#length[0] = past + count
    const feeds = {
      input_ids: tensor('int64', [1, count], BigInt64Array.from(tokens, BigInt)),
      lengths: tensor('int32', [1], this.#length),
      logit_positions: tensor('int64', [scored], BigInt64Array.from({ length: scored }, (_, index) => BigInt(count - behind - scored + index))),
      ...this.#cache.views(slot, 1),
    }
    return logitsOf(await (by === 'prefill' ? this.#prefill : this.#decoder).run(feeds, { signal }))
  }

  /** Runs one token of each of the slots from `start` on. `lengths` count that token. */
  async step(start: number, tokens: readonly number[], lengths: readonly number[], signal: AbortSignal): Promise<Logits> {
    const { ids, lengths: positions, feeds } = this.#step(start, tokens.length)
    tokens.forEach((token, row) => (ids[row] = BigInt(token)))
    positions.set(lengths)
    return logitsOf(await this.#decoder.run(feeds, { signal }))
  }

  #step(start: number, count: number) {
    const views = this.#cache.views(start, count)
    const known = this.#steps.get(views)
    if (known !== undefined) return known
    const ids = new BigInt64Array(count)
    const lengths = new Int32Array(count)
    const feeds = { input_ids: tensor('int64', [count, 1], ids), lengths: tensor('int32', [count], lengths), logit_positions: tensor('int64', [1], new BigInt64Array(1)), ...views }
    const step = { ids, lengths, feeds }
    this.#steps.set(views, step)
    return step
  }
}

/** What a run gave, [rows · scored, vocabulary], until it is disposed of. */
export interface Logits extends Disposable {
  readonly values: Float32Array
}

async function logitsOf(outputs: Awaited<ReturnType<Executable['run']>>): Promise<Logits> {
  const dispose = () => {
    for (const output of Object.values(outputs)) output[Symbol.dispose]()
  }
  try {
    return { values: (await outputs['logits']!.data()) as Float32Array, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
