import { AbortedError } from '@tenon/core'
import type { GenerationPiece, GenerationResult, GenerationStats } from './decoder.js'
import { GenerationStream } from './generation-stream.js'

export interface DeliveryOptions {
  readonly promptLength: number
  readonly signal: AbortSignal | undefined
  /** It has ended, or may go on. */
  readonly onChange: () => void
  /** It has its result. */
  readonly onEnd: (milliseconds: number) => void
  /** It has ended, whichever way: what works for it may stop. */
  readonly onClose?: () => void
}

/** A generation as its caller sees it, whatever chooses its tokens: the stream, what ends it early, and how long it took. */
export class Delivery {
  readonly stream: GenerationStream
  readonly #options: DeliveryOptions
  readonly #start = performance.now()
  #ended = false
  #cached: number | undefined
  #firstToken: number | undefined
  #heldSince: number | undefined
  #heldFor = 0
  #prefill = 0

  constructor(options: DeliveryOptions) {
    this.#options = options
    const { signal, onChange } = options
    this.stream = new GenerationStream({
      resumed: () => {
        this.#resume()
        onChange()
      },
      cancelled: () => this.fail(new AbortedError('Its consumer stopped iterating')),
    })
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Whether it waits for its consumer. */
  get held(): boolean {
    return !this.#ended && this.stream.full
  }

  /** Its first run begins, with this much of the prompt in the cache. What comes after it was held up is not counted. */
  admitted(cached: number): void {
    this.#cached ??= cached
  }

  /** A run of it took this many milliseconds. */
  spent(milliseconds: number): void {
    if (this.#firstToken === undefined) this.#prefill += milliseconds
  }

  /** A token was chosen. */
  chosen(): void {
    this.#firstToken ??= performance.now()
  }

  push(piece: GenerationPiece): void {
    if (this.#ended) return // a function of the caller's, asked about the text, may have ended it
    this.stream.push(piece)
    if (this.stream.full) this.#heldSince ??= performance.now()
  }

  finish(result: Omit<GenerationResult, 'stats'>, guesses: Pick<GenerationStats, 'draftedTokens' | 'acceptedTokens'>): void {
    if (this.#ended) return
    this.#resume()
    this.#close()
    const { promptLength, onEnd } = this.#options
    const now = performance.now()
    const generatedTokens = result.tokens.length
    const decodeMilliseconds = this.#firstToken === undefined ? 0 : now - this.#firstToken - this.#heldFor
    const stats: GenerationStats = {
      promptTokens: promptLength,
      cachedTokens: this.#cached ?? 0,
      generatedTokens,
      timeToFirstToken: this.#firstToken === undefined ? 0 : this.#firstToken - this.#start,
      prefillMilliseconds: this.#prefill,
      decodeMilliseconds,
      tokensPerSecond: generatedTokens > 1 ? ((generatedTokens - 1) / decodeMilliseconds) * 1000 : 0,
      ...guesses,
    }
    this.stream.finish({ ...result, stats })
    onEnd(now - this.#start)
  }

  fail(error: unknown): void {
    if (this.#ended) return
    this.#close()
    this.stream.fail(error)
  }

  #resume(): void {
    if (this.#heldSince !== undefined) this.#heldFor += performance.now() - this.#heldSince
    this.#heldSince = undefined
  }

  readonly #abort = () => this.fail(new AbortedError(this.#options.signal?.reason))

  #close(): void {
    this.#ended = true
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#options.onClose?.()
    this.#options.onChange()
  }
}
