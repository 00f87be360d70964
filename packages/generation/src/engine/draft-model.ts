import type { SamplingOptions } from '../sampling/index.js'
import type { Decoder } from './decoder.js'
import { Pace, type Speculator } from './speculator.js'

/**
 * Guesses what a smaller model says. It draws with the same numbers: where both models agree on the probabilities they agree on
 * the token. Its cache holds the text from guess to guess, so that it runs only what is new.
 */
export class DraftModel implements Speculator {
  readonly #draft: Decoder
  readonly #sampling: SamplingOptions
  readonly #vocabulary: number
  readonly #signal: AbortSignal | undefined
  readonly #pace: Pace

  constructor(draft: Decoder, { tokens, sampling, vocabulary, signal }: { readonly tokens: number; readonly sampling: SamplingOptions; readonly vocabulary: number; readonly signal: AbortSignal | undefined }) {
    this.#draft = draft
    this.#sampling = sampling
    this.#vocabulary = vocabulary
    this.#signal = signal
    this.#pace = new Pace(tokens)
  }

  async propose(tokens: readonly number[], room: number, others: number): Promise<readonly number[]> {
    const count = Math.min(room, this.#draft.contextLength - tokens.length, this.#pace.next(others))
    if (count <= 0) return []
    const drafted = await this.#draft.generate({ ...this.#sampling, prompt: tokens, maxNewTokens: count, endTokens: [], ...(this.#signal && { signal: this.#signal }) }).result
    // Models of one family pad their vocabularies differently.
    const foreign = drafted.tokens.findIndex((token) => token >= this.#vocabulary)
    return foreign < 0 ? drafted.tokens : drafted.tokens.slice(0, foreign)
  }

  told(proposed: number, accepted: number): void {
    this.#pace.told(proposed, accepted)
  }
}
