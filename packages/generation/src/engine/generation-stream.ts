import type { Generation, GenerationPiece, GenerationResult } from './decoder.js'

/** How many pieces a generation may be ahead of whoever iterates it. */
const AHEAD = 32

interface Listener {
  /** It may go on: more was pulled, or the result was asked for. */
  resumed(): void
  /** Whoever iterated it has left. */
  cancelled(): void
}

type Pull = PromiseWithResolvers<IteratorResult<GenerationPiece>>

/** What a generation is to its consumer: pieces that wait to be pulled, and a result. */
export class GenerationStream implements Generation {
  readonly #listener: Listener
  readonly #pieces: GenerationPiece[] = []
  readonly #pulls: Pull[] = []
  readonly #settled = withResolvers<GenerationResult>()
  #end: { readonly error?: unknown } | undefined
  #iterated = false
  #asked = false

  constructor(listener: Listener) {
    this.#listener = listener
    this.#settled.promise.catch(() => undefined) // nobody needs to look at it
  }

  /** Whether nothing more should be made for now: the consumer has stopped pulling. */
  get full(): boolean {
    return this.#iterated && !this.#asked && this.#pieces.length >= AHEAD
  }

  get result(): Promise<GenerationResult> {
    const held = this.full
    this.#asked = true // who waits for the end should not wait for whoever does not pull
    if (held) this.#listener.resumed()
    return this.#settled.promise
  }

  push(piece: GenerationPiece): void {
    const pull = this.#pulls.shift()
    if (pull === undefined) this.#pieces.push(piece)
    else pull.resolve({ done: false, value: piece })
  }

  finish(result: GenerationResult): void {
    this.#close({})
    this.#settled.resolve(result)
  }

  fail(error: unknown): void {
    this.#close({ error })
    this.#settled.reject(error)
  }

  [Symbol.asyncIterator](): AsyncIterator<GenerationPiece, undefined> {
    this.#iterated = true
    return {
      next: () => this.#pull(),
      return: async () => {
        this.#pieces.length = 0
        if (this.#end === undefined) this.#listener.cancelled()
        this.#end = {}
        return { done: true, value: undefined }
      },
    }
  }

  #pull(): Promise<IteratorResult<GenerationPiece, undefined>> {
    const held = this.full
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      if (held && !this.full) this.#listener.resumed()
      return Promise.resolve({ done: false, value: piece })
    }
    if (this.#end === undefined) {
      const pull: Pull = withResolvers()
      this.#pulls.push(pull)
      return pull.promise
    }
    const { error } = this.#end
    this.#end = {} // told once
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)
  }

  #close(end: { readonly error?: unknown }): void {
    this.#end = end
    for (const [place, pull] of this.#pulls.splice(0).entries()) {
      if (end.error !== undefined && place === 0) {
        pull.reject(end.error)
        this.#end = {}
      } else pull.resolve({ done: true, value: undefined })
    }
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** Promise.withResolvers, which Node has from 22 on. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
