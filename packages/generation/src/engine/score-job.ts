import { AbortedError } from '@tenon/core'
import { logSoftmax } from '../sampling/index.js'
import { breathe } from './breathe.js'
import type { Job, Row } from './job.js'

/** The log probability of each token of a text but the first. */
export class ScoreJob implements Job {
  readonly result: Promise<Float32Array>
  readonly rows: readonly [Row]
  readonly width = 1
  readonly scored = true
  readonly exact = false
  readonly most: number
  readonly expected: number
  readonly promptLength: number
  readonly held = false
  readonly #ids: readonly number[]
  readonly #logprobs: Float32Array
  readonly #onChange: () => void
  readonly #signal: AbortSignal | undefined
  #done = 0
  #ended = false
  #resolve!: (logprobs: Float32Array) => void
  #reject!: (error: unknown) => void

  /** @param room Positions that there are: one behind the text makes an odd number of tokens even, as `Scheduler` runs them. */
  constructor(ids: readonly number[], room: number, signal: AbortSignal | undefined, onChange: () => void) {
    this.#ids = ids
    this.#logprobs = new Float32Array(ids.length - 1)
    this.#onChange = onChange
    this.#signal = signal
    this.rows = [{ job: this, tokens: ids.slice(0, -1), slot: undefined }] // nothing comes after the last
    this.promptLength = this.expected = ids.length - 1
    this.most = Math.min(ids.length, room)
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  get ended(): boolean {
    return this.#ended
  }

  admitted(): void {}

  spent(): void {}

  async receive({ slot }: Row, logits: Float32Array): Promise<void> {
    const count = slot!.tokens.length - this.#done
    const vocabulary = logits.length / count
    for (let place = 0; place < count && !this.#ended; place++) {
      const of = logits.subarray(place * vocabulary, (place + 1) * vocabulary)
      logSoftmax(of)
      this.#logprobs[this.#done] = of[this.#ids[this.#done + 1]!]!
      this.#done++
      await breathe()
    }
    if (this.#done < this.#logprobs.length || this.#ended) return
    this.#close()
    this.#resolve(this.#logprobs)
  }

  fail(error: unknown): void {
    if (this.#ended) return
    this.#close()
    this.#reject(error)
  }

  readonly #abort = () => this.fail(new AbortedError(this.#signal?.reason))

  #close(): void {
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#onChange()
  }
}
