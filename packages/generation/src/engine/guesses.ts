import type { Row } from './job.js'

interface Guess {
  /** Tokens of the row when it was asked for: behind more of them it means nothing. */
  readonly length: number
  /** Nothing while it is being made. */
  tokens: readonly number[] | undefined
  /** Never rejects. */
  readonly made: Promise<void>
}

/** What rows are guessed to go on with. A draft takes its time over a guess, and others step meanwhile. */
export class Guesses {
  readonly #onError: (row: Row, error: unknown) => void
  readonly #known = new WeakMap<Row, Guess>()

  /** @param onError A guess failed: it is empty. */
  constructor(onError: (row: Row, error: unknown) => void) {
    this.#onError = onError
  }

  /** A guess at what follows the row's tokens, to be used now; or when to ask again. */
  take(row: Row, others: number): readonly number[] | Promise<void> {
    const known = this.#known.get(row)
    if (known?.length === row.tokens.length) {
      if (known.tokens === undefined) return known.made
      this.#known.delete(row)
      return known.tokens
    }
    try {
      const proposed = row.job.propose?.(row, others) ?? []
      if (!(proposed instanceof Promise)) return proposed
      const made = proposed.catch((error: unknown) => this.#fail(row, error)).then((tokens) => void (guess.tokens = tokens))
      const guess: Guess = { length: row.tokens.length, tokens: undefined, made }
      this.#known.set(row, guess)
      return made
    } catch (error) {
      return this.#fail(row, error)
    }
  }

  #fail(row: Row, error: unknown): readonly number[] {
    this.#onError(row, error)
    return []
  }
}
