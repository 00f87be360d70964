import { TenonError } from '@tenon/core'
import type { Constraint } from '../constraint/index.js'
import type { InvalidLogitsError, SamplingOptions } from '../sampling/index.js'
import type { Decoder, GenerationResult } from './decoder.js'
import { Pace, type GuessLimits, type Speculator } from './speculator.js'

/**
 * Guesses what a smaller model says. It draws with the same numbers: where both models agree on the probabilities they agree on
 * the token, and what the text has to be holds for its guesses too. Its cache holds the text from guess to guess, so that it runs only what is new.
 */
export class DraftModel implements Speculator {
  readonly #draft: Decoder
  readonly #sampling: SamplingOptions
  readonly #vocabulary: number
  readonly #endTokens: readonly number[]
  readonly #pace: Pace
  /** Ends the guess under way. */
  readonly #stop = new AbortController()
  #reading: 'not yet' | 'under way' | 'done' = 'not yet'
  /** The text went on where the draft cannot: beyond its context, its cache, or the tokens that it knows. */
  #beyond = false

  /** @param options.endTokens What ends the text. */
  constructor(draft: Decoder, { tokens, sampling, vocabulary, endTokens }: { readonly tokens: number; readonly sampling: SamplingOptions; readonly vocabulary: number; readonly endTokens: readonly number[] }) {
    this.#draft = draft
    this.#sampling = sampling
    this.#vocabulary = vocabulary
    this.#endTokens = endTokens
    this.#pace = new Pace(tokens)
  }

  propose(tokens: readonly number[], { room, sharing, others, constraint }: GuessLimits): readonly number[] | Promise<readonly number[]> {
    if (this.#beyond || tokens.length >= this.#draft.contextLength) return []
    // Whoever steps beside this one does not wait until the draft, too, has read a long prompt.
    if (this.#reading !== 'done' && others > 0) {
      if (this.#reading === 'not yet') void this.#read(tokens)
      return []
    }
    const count = Math.min(room, this.#draft.contextLength - tokens.length, this.#pace.next(sharing))
    return count <= 0 ? [] : this.#guess(tokens, count, constraint)
  }

  async #guess(tokens: readonly number[], count: number, constraint: Constraint | undefined): Promise<readonly number[]> {
    const drafted = await this.#generate(tokens, count, constraint)
    this.#reading = 'done'
    if (drafted === undefined) return []
    // Models of one family pad their vocabularies differently.
    const foreign = drafted.tokens.findIndex((token) => token >= this.#vocabulary)
    return foreign < 0 ? drafted.tokens : drafted.tokens.slice(0, foreign)
  }

  told(proposed: number, accepted: number): void {
    this.#pace.told(proposed, accepted)
  }

  end(): void {
    this.#stop.abort()
  }

  async #read(tokens: readonly number[]): Promise<void> {
    this.#reading = 'under way'
    await this.#generate(tokens, 0).catch(() => undefined) // the next guess fails as this does, and is told
    this.#reading = 'done'
  }

  async #generate(prompt: readonly number[], maxNewTokens: number, constraint?: Constraint): Promise<GenerationResult | undefined> {
    try {
      return await this.#draft.generate({ ...this.#sampling, prompt, maxNewTokens, endTokens: this.#endTokens, constraint: constraint?.fork(), speculation: false, signal: this.#stop.signal }).result
    } catch (error) {
      const code = TenonError.isInstance(error) ? error.code : undefined
      // Nothing is left that it might say: behind what the model will not say, or of tokens that it does not know. The model is asked itself.
      if (code === 'TENON_UNSATISFIABLE_CONSTRAINT' || (code === 'TENON_INVALID_LOGITS' && (error as InvalidLogitsError).from === 'processor')) return undefined
      if (code !== 'TENON_INVALID_INPUT') throw error
      this.#beyond = true
      return undefined
    }
  }
}
