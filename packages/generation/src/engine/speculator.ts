import type { Constraint } from '../constraint/index.js'

/** Where and how far a guess may go. */
export interface GuessLimits {
  /** Most tokens it may guess. */
  readonly room: number
  /** How many sequences this one's step would share a run with: a guess is checked in a run of its own. None where steps are exact. */
  readonly sharing: number
  /** How many sequences step beside this one, in whatever runs. */
  readonly others: number
  /** What the text has to be, where the tokens end. To be left as it is. */
  readonly constraint?: Constraint | undefined
}

/** Guesses what comes next. */
export interface Speculator {
  propose(tokens: readonly number[], limits: GuessLimits): readonly number[] | Promise<readonly number[]>
  /** How many of the tokens proposed last were right. */
  told(proposed: number, accepted: number): void
  /** Nothing more is to be guessed; a guess under way need not end. */
  end?(): void
}

const LONGEST_REST = 32

/** How much is guessed: more where guesses are right; none for a while, and then a longer one, where they are wrong again and again. */
export class Pace {
  readonly #most: number
  #length: number
  #misses = 0
  #rest = 0
  /** Tokens that a guess gains, of late. */
  #gain: number

  constructor(most: number) {
    this.#most = most
    this.#length = Math.min(most, 4)
    this.#gain = most
  }

  /** How many tokens to guess now; 0 for none. */
  next(sharing: number): number {
    if (this.#rest > 0) {
      this.#rest--
      return 0
    }
    if (this.#gain < sharing) {
      this.#gain += 0.1 // to look again, some steps later
      return 0
    }
    return this.#length
  }

  told(proposed: number, accepted: number): void {
    this.#gain += (accepted - this.#gain) / 4
    if (accepted === proposed) this.#length = Math.min(this.#most, this.#length * 2)
    else this.#length = Math.max(1, Math.min(this.#length, accepted + 1))
    this.#misses = accepted === 0 ? this.#misses + 1 : 0
    if (this.#misses > 1) this.#rest = Math.min(LONGEST_REST, 2 ** (this.#misses - 1))
  }
}
