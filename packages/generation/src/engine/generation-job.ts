import type { Constraint } from '../constraint/index.js'
import type { Sampler } from '../sampling/index.js'
import type { TextStream } from '../text/index.js'
import type { FinishReason } from './decoder.js'
import { Delivery } from './delivery.js'
import { fitting } from './fitting.js'
import type { GenerationStream } from './generation-stream.js'
import type { Job, Row } from './job.js'
import type { Speculator } from './speculator.js'

export interface GenerationJobOptions {
  readonly prompt: readonly number[]
  /** Most tokens it may generate, as the context allows. */
  readonly maxNewTokens: number
  readonly exact: boolean
  readonly onlyRead: boolean
  readonly expected: number
  readonly sampler: Sampler
  /** As the sampler's, for guesses: 0 for none. */
  readonly noRepeatNgramSize: number
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
  readonly #delivery: Delivery
  #constraint: Constraint | undefined
  #logprob = 0
  /** Characters that were streamed, and tokens that were. */
  #written = 0
  #told: number
  #drafted = 0
  #accepted = 0

  constructor(options: GenerationJobOptions) {
    const { prompt, maxNewTokens, speculator, signal, onChange, onEnd } = options
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
    this.#delivery = new Delivery({ promptLength: prompt.length, signal, onChange, onEnd, onClose: () => speculator?.end?.() })
  }

  get stream(): GenerationStream {
    return this.#delivery.stream
  }

  get ended(): boolean {
    return this.#delivery.ended
  }

  get held(): boolean {
    return this.#delivery.held
  }

  constrain(constraint: Constraint): void {
    this.#constraint = constraint
  }

  admitted(cached: number): void {
    this.#delivery.admitted(cached)
  }

  spent(milliseconds: number): void {
    this.#delivery.spent(milliseconds)
  }

  propose({ tokens }: Row, others: number): readonly number[] | Promise<readonly number[]> {
    const { speculator, endTokens, stopTokens, noRepeatNgramSize } = this.#options
    const room = this.most - tokens.length - 1 // the last token is the run's own
    if (speculator === undefined || room <= 0 || tokens.length < this.promptLength + 1) return []
    const fit = (guess: readonly number[]) => fitting(guess.slice(0, room), tokens, { constraint: this.#constraint, noRepeatNgramSize, ends: (token) => endTokens.has(token) || stopTokens.has(token) })
    const proposed = speculator.propose(tokens, { room, sharing: this.exact ? 0 : others, others, constraint: this.#constraint })
    return proposed instanceof Promise ? proposed.then(fit) : fit(proposed)
  }

  receive({ tokens }: Row, logits: Float32Array, proposed: readonly number[]): void {
    if (this.#generated === this.#options.maxNewTokens) return this.#finish('length')
    const { sampler, speculator } = this.#options
    const vocabulary = logits.length / (proposed.length + 1)
    this.#drafted += proposed.length
    let accepted = 0
    for (let place = 0; place <= proposed.length && !this.ended; place++) {
      const of = proposed.length === 0 ? logits : logits.subarray(place * vocabulary, (place + 1) * vocabulary)
      const { token, logprob } = sampler.sample(of, this.#context, this.#constraint)
      const right = token === proposed[place]
      if (right) {
        accepted++
        this.#accepted++ // before it may end the text, whose result tells it
      }
      tokens.push(token)
      this.#logprob += logprob
      this.#delivery.chosen()
      this.#take(token)
      if (!right) break
    }
    if (proposed.length > 0) speculator?.told(proposed.length, accepted)
  }

  fail(error: unknown): void {
    this.#delivery.fail(error)
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
    this.#delivery.push({ text, tokens: tokens.slice(this.#told) })
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
    const { tokens } = this.rows[0]
    this.#tell(end ?? text.text.length)
    this.#delivery.finish({ text: text.text.slice(0, end), tokens: tokens.slice(this.promptLength), logprob: this.#logprob, finishReason }, { draftedTokens: this.#drafted, acceptedTokens: this.#accepted })
  }
}
