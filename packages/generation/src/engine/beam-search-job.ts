import { greatest, InvalidLogitsError, largest, logSoftmax, type Sampler } from '../sampling/index.js'
import type { TextStream } from '../text/index.js'
import type { Beam, BeamOptions, FinishReason } from './decoder.js'
import { Delivery } from './delivery.js'
import type { GenerationStream } from './generation-stream.js'
import type { Job, Row, RowSlots } from './job.js'

export interface BeamSearchJobOptions {
  readonly prompt: readonly number[]
  readonly maxNewTokens: number
  readonly beams: Required<BeamOptions>
  /** For what it makes of scores. Nothing is drawn. */
  readonly sampler: Sampler
  readonly endTokens: ReadonlySet<number>
  readonly stopTokens: ReadonlySet<number>
  /** A text from its beginning. */
  readonly text: () => TextStream
  /** Whether a text can end it: texts are then put together at every step. */
  readonly stops: boolean
  readonly signal: AbortSignal | undefined
  readonly onChange: () => void
  readonly onEnd: (milliseconds: number) => void
}

/** A text that goes on by one token. */
interface Candidate {
  readonly row: Row
  readonly token: number
  readonly logprob: number
}

interface Finished {
  readonly tokens: readonly number[]
  readonly logprob: number
  readonly score: number
  readonly finishReason: FinishReason
}

/** Several texts side by side, the likeliest: of what each may go on with, the best of all go on. As transformers' `_beam_search` decides. */
export class BeamSearchJob implements Job {
  readonly scored = false
  readonly exact = false
  readonly width: number
  readonly most: number
  readonly expected: number
  readonly promptLength: number
  readonly held = false
  readonly #options: BeamSearchJobOptions
  readonly #delivery: Delivery
  #rows: Row[]
  /** The rows' sums, in their order. */
  #logprobs: number[] = [0]
  /** Of each row that was run, its best continuations. */
  #candidates: Candidate[] = []
  /** Whether rows gave logits since it settled last. */
  #received = false
  #finished: Finished[] = []
  #length = 0

  constructor(options: BeamSearchJobOptions) {
    const { prompt, maxNewTokens, beams, signal, onChange, onEnd } = options
    this.#options = options
    this.#rows = [{ job: this, tokens: [...prompt], slot: undefined }]
    this.width = beams.count
    this.most = this.expected = prompt.length + maxNewTokens
    this.promptLength = prompt.length
    this.#delivery = new Delivery({ promptLength: prompt.length, signal, onChange, onEnd })
  }

  get stream(): GenerationStream {
    return this.#delivery.stream
  }

  get rows(): readonly Row[] {
    return this.#rows
  }

  get ended(): boolean {
    return this.#delivery.ended
  }

  admitted(cached: number): void {
    this.#delivery.admitted(cached)
  }

  spent(milliseconds: number): void {
    this.#delivery.spent(milliseconds)
  }

  receive(row: Row, logits: Float32Array): void {
    if (this.#options.maxNewTokens === 0) return this.#finish([{ tokens: [], logprob: 0, score: 0, finishReason: 'length' }])
    logSoftmax(logits)
    this.#options.sampler.process(logits, { tokens: row.tokens, promptLength: this.promptLength })
    greatest(logits, 'processor') // a text that may not go on leaves its place to others; NaN does not
    this.#received = true
    const before = this.#logprobs[this.#rows.indexOf(row)]!
    for (const { token, score } of largest(logits, this.#width)) this.#candidates.push({ row, token, logprob: before + score })
  }

  async settle(slots: RowSlots): Promise<void> {
    if (!this.#received) return // another chunk of the prompt
    this.#received = false
    this.#delivery.chosen()
    this.#length++
    const { beams, maxNewTokens } = this.#options
    const candidates = this.#candidates.sort((a, b) => b.logprob - a.logprob).slice(0, this.#width)
    this.#candidates = []
    const reasons = candidates.map((candidate) => this.#reason(candidate))
    const enough = beams.earlyStopping === true && this.#finished.length === beams.count
    for (const [place, candidate] of enough ? [] : candidates.slice(0, beams.count).entries()) {
      if (reasons[place] !== undefined) this.#keep(candidate, reasons[place])
    }
    const going = candidates.filter((_, place) => reasons[place] === undefined).slice(0, beams.count)
    if (going.length === 0 && this.#finished.length === 0) throw new InvalidLogitsError({ from: 'processor', problem: 'are all -Infinity' })
    if (going.length === 0 || this.#length === maxNewTokens || !this.#mayImprove(going[0]!.logprob)) return this.#finish(this.#finished)
    await this.#goOn(going, slots)
  }

  fail(error: unknown): void {
    this.#delivery.fail(error)
  }

  /** Enough candidates that `count` are left where all end tokens are among them. */
  get #width(): number {
    return Math.max(2, 1 + this.#options.endTokens.size) * this.#options.beams.count
  }

  /** What ends a text with this token. */
  #reason({ row, token }: Candidate): FinishReason | undefined {
    const { endTokens, stopTokens, stops, maxNewTokens } = this.#options
    if (endTokens.has(token)) return 'end-token'
    if (stopTokens.has(token)) return 'stop-token'
    if (stops && this.#textOf([...row.tokens.slice(this.promptLength), token]).stopped !== undefined) return 'stop-string'
    return this.#length === maxNewTokens ? 'length' : undefined
  }

  #keep({ row, token, logprob }: Candidate, finishReason: FinishReason): void {
    const { count, lengthPenalty } = this.#options.beams
    this.#finished.push({ tokens: [...row.tokens.slice(this.promptLength), token], logprob, score: logprob / this.#length ** lengthPenalty, finishReason })
    this.#finished.sort((a, b) => b.score - a.score)
    this.#finished.length = Math.min(this.#finished.length, count)
  }

  /** Whether what goes on may become better than what is finished. */
  #mayImprove(best: number): boolean {
    const { count, lengthPenalty, earlyStopping } = this.#options.beams
    if (this.#finished.length < count) return true
    if (earlyStopping === true) return false
    const length = earlyStopping === 'never' && lengthPenalty > 0 ? this.#options.maxNewTokens : this.#length
    return best / length ** lengthPenalty > this.#finished.at(-1)!.score
  }

  /** Gives each text that goes on a row: its parent's where that is still free, else a copy of it in place of one that ends. */
  async #goOn(going: readonly Candidate[], slots: RowSlots): Promise<void> {
    const parents = new Set(going.map(({ row }) => row))
    const free = this.#rows.filter((row) => !parents.has(row))
    const taken = new Set<Row>()
    const rows: Row[] = []
    const grown: (() => void)[] = []
    for (const { row: parent, token } of going) {
      let row = parent
      if (taken.has(parent)) {
        const left = free.pop()
        row = left ?? { job: this, tokens: [], slot: await slots.fork(parent.slot!) }
        if (left !== undefined) await slots.copy(parent.slot!, left.slot!)
        else this.#rows = [...this.#rows, row] // its slot is freed with the others, should the next one fail
        row.tokens.length = 0
        for (const each of parent.tokens) row.tokens.push(each)
      }
      taken.add(row)
      rows.push(row)
      grown.push(() => row.tokens.push(token)) // not before all copies are made
    }
    for (const grow of grown) grow()
    for (const row of free) slots.release(row.slot!)
    this.#rows = rows
    this.#logprobs = going.map(({ logprob }) => logprob)
  }

  #textOf(tokens: readonly number[]): TextStream {
    const text = this.#options.text()
    for (const token of tokens) if (!this.#options.endTokens.has(token) && !this.#options.stopTokens.has(token)) text.push(token)
    text.end()
    return text
  }

  #finish(finished: readonly Finished[]): void {
    const { beams } = this.#options
    const best = finished.slice(0, beams.best).map((each): Beam => ({ ...each, text: this.#textOf(each.tokens).text }))
    const { text, tokens, logprob, finishReason } = best[0]!
    if (tokens.length > 0) this.#delivery.push({ text, tokens })
    this.#delivery.finish({ text, tokens, logprob, finishReason, beams: best }, { draftedTokens: 0, acceptedTokens: 0 })
  }
}
