import { AbortedError } from '@tenon/core'
import type { Constraint } from '../constraint/index.js'
import type { Sampler } from '../sampling/index.js'
import type { TextStream } from '../text/index.js'
import { GenerationStream } from './generation-stream.js'
import type { Job, Row } from './job.js'
import type { FinishReason } from './decoder.js'
import type { Speculator } from './speculator.js'

export interface GenerationJobOptions {
  readonly prompt: readonly number[]
  /** Most tokens it may generate, as the context allows. */
  readonly maxNewTokens: number
  readonly exact: boolean
  readonly onlyRead: boolean
  readonly expected: number
  readonly sampler: Sampler
  readonly text: TextStream
  readonly endTokens: ReadonlySet<number>
  readonly stopTokens: ReadonlySet<number>
  readonly until: ((text: string) => number | undefined) | undefined
  readonly speculator: Speculator | undefined
  readonly signal: AbortSignal | undefined
  /** It has ended, or may go on. */
  readonly onChange: () => void
  readonly onEnd: (milliseconds: number) => void
}

/** One text that is generated token by token. */
export class GenerationJob implements Job {
  readonly stream: GenerationStream
  readonly rows: readonly [Row]
  readonly width = 1
  readonly scored = false
  readonly exact: boolean
  readonly onlyRead: boolean
  readonly most: number
  readonly expected: number
  readonly promptLength: number
  readonly #options: GenerationJobOptions
  readonly #context: { readonly tokens: readonly number[]; readonly promptLength: number }
  readonly #start = performance.now()
  readonly #abort: () => void
  #constraint: Constraint | undefined
  #ended = false
  #cached: number | undefined
  #logprob = 0
  /** Characters that were streamed, and tokens that were. */
  #written = 0
  #told: number
  #firstToken: number | undefined
  #heldSince: number | undefined
  #heldFor = 0
  #prefill = 0
  #drafted = 0
  #accepted = 0

  constructor(options: GenerationJobOptions) {
    const { prompt, maxNewTokens, signal, onChange } = options
    this.#options = options
    const tokens = [...prompt]
    this.rows = [{ job: this, tokens, slot: undefined }]
    this.promptLength = prompt.length
    this.#told = prompt.length
    this.exact = options.exact
    this.onlyRead = options.onlyRead
    this.most = prompt.length + maxNewTokens
    this.expected = Math.min(this.most, options.expected)
    this.#context = { tokens, promptLength: prompt.length }
    this.stream = new GenerationStream({
      resumed: () => {
        this.#resume()
        onChange()
      },
      cancelled: () => this.fail(new AbortedError('Its consumer stopped iterating')),
    })
    this.#abort = () => this.fail(new AbortedError(signal?.reason))
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  get ended(): boolean {
    return this.#ended
  }

  get held(): boolean {
    return !this.#ended && this.stream.full
  }

  constrain(constraint: Constraint): void {
    this.#constraint = constraint
  }

  admitted(cached: number): void {
    this.#cached ??= cached
  }

  spent(milliseconds: number): void {
    if (this.#firstToken === undefined) this.#prefill += milliseconds
  }

  async propose(row: Row, others: number): Promise<readonly number[]> {
    const { speculator } = this.#options
    const room = this.most - row.tokens.length - 1 // the last token is the run's own
    if (speculator === undefined || room <= 0 || row.tokens.length < this.promptLength + 1) return []
    const proposed = await speculator.propose(row.tokens, room, others)
    return proposed.length > room ? proposed.slice(0, room) : proposed
  }

  receive({ tokens }: Row, logits: Float32Array, proposed: readonly number[]): void {
    if (this.#generated === this.#options.maxNewTokens) return this.#finish('length')
    const { sampler, speculator } = this.#options
    const vocabulary = logits.length / (proposed.length + 1)
    let accepted = 0
    for (let place = 0; place <= proposed.length && !this.#ended; place++) {
      const of = proposed.length === 0 ? logits : logits.subarray(place * vocabulary, (place + 1) * vocabulary)
      const { token, logprob } = sampler.sample(of, this.#context, this.#constraint)
      tokens.push(token)
      this.#logprob += logprob
      this.#firstToken ??= performance.now()
      this.#take(token)
      if (token !== proposed[place]) break
      accepted++
    }
    this.#drafted += proposed.length
    this.#accepted += accepted
    if (proposed.length > 0) speculator?.told(proposed.length, accepted)
    if (this.stream.full) this.#heldSince ??= performance.now()
  }

  fail(error: unknown): void {
    if (this.#ended) return
    this.#close()
    this.stream.fail(error)
  }

  get #generated(): number {
    return this.rows[0].tokens.length - this.promptLength
  }

  /** What a token that was chosen leads to: text, or the end. */
  #take(token: number): void {
    const { endTokens, stopTokens, text, until, maxNewTokens } = this.#options
    if (endTokens.has(token)) return this.#finish('end-token')
    if (stopTokens.has(token)) return this.#finish('stop-token')
    this.#constraint?.accept(token)
    const more = text.push(token)
    if (text.stopped !== undefined) return this.#finish('stop-string')
    const cut = more === '' ? undefined : until?.(text.text)
    if (cut !== undefined) return this.#finish('until', cut)
    if (this.#constraint?.finished) return this.#finish('constraint')
    if (this.#generated === maxNewTokens) return this.#finish('length')
    if (more !== '') this.#tell(text.text.length)
  }

  /** Streams the text up to here, with the tokens since the piece before. */
  #tell(end: number): void {
    const { tokens } = this.rows[0]
    const text = this.#options.text.text.slice(this.#written, end)
    if (text === '' && this.#told === tokens.length) return
    this.stream.push({ text, tokens: tokens.slice(this.#told) })
    this.#written = Math.max(this.#written, end)
    this.#told = tokens.length
  }

  #finish(reason: FinishReason, cut?: number): void {
    const { text, until } = this.#options
    let finishReason = reason
    let end = cut
    if (end === undefined && reason !== 'stop-string' && text.end() !== '') {
      // What was held back, for it might have been the beginning of a stop string.
      if (text.stopped !== undefined) finishReason = 'stop-string'
      end = until?.(text.text)
      if (end !== undefined) finishReason = 'until'
    }
    this.#resume()
    const { tokens } = this.rows[0]
    this.#tell(end ?? text.text.length)
    this.#close()
    const generatedTokens = this.#generated
    const now = performance.now()
    const decodeMilliseconds = this.#firstToken === undefined ? 0 : now - this.#firstToken - this.#heldFor
    this.stream.finish({
      text: text.text.slice(0, end),
      tokens: tokens.slice(this.promptLength),
      logprob: this.#logprob,
      finishReason,
      stats: {
        promptTokens: this.promptLength,
        cachedTokens: this.#cached ?? 0,
        generatedTokens,
        timeToFirstToken: this.#firstToken === undefined ? 0 : this.#firstToken - this.#start,
        prefillMilliseconds: this.#prefill,
        decodeMilliseconds,
        tokensPerSecond: generatedTokens > 1 ? ((generatedTokens - 1) / decodeMilliseconds) * 1000 : 0,
        draftedTokens: this.#drafted,
        acceptedTokens: this.#accepted,
      },
    })
    this.#options.onEnd(now - this.#start)
  }

  #resume(): void {
    if (this.#heldSince !== undefined) this.#heldFor += performance.now() - this.#heldSince
    this.#heldSince = undefined
  }

  #close(): void {
    this.#ended = true
    this.#options.speculator?.end?.()
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#options.onChange()
  }
}
