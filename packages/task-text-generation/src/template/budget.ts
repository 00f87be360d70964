import { Fault } from './fault.js'

export interface Limits {
  /** Most steps: a node evaluated, an item visited, 16 characters read or written. */
  readonly steps: number
  /** Most characters of what is rendered, and of any text on the way there. */
  readonly characters: number
}

/** Characters that are copied in about the time that a node takes to be evaluated. */
const CHARACTERS_A_STEP = 16

/** Characters that are compared in that time, one by one. */
const COMPARED_A_STEP = 256

/** Evaluations within one another. JavaScript's own stack holds several times as many. */
const DEEPEST = 500

/**
 * What a template may cost. Everything that takes time or memory is paid for before it is done, so that the time and the
 * memory of a rendering are bounded by the budget, on every machine by the same one. Lengths that a template has computed may be
 * negative or no number: neither gives anything back.
 */
export class Budget {
  readonly #limits: Limits
  #left: number
  #depth = 0

  constructor(limits: Limits) {
    this.#limits = limits
    this.#left = limits.steps
  }

  spend(steps: number): void {
    this.#left -= Math.max(0, steps) // a width may be below nothing
    if (!(this.#left >= 0)) throw new Fault('limit', `takes more than ${this.#limits.steps} steps`)
  }

  /** Pays for a text of this length that is read or made. */
  text(length: number): void {
    if (!(length <= this.#limits.characters)) throw new Fault('limit', `makes a text of more than ${this.#limits.characters} characters`)
    this.spend(1 + length / CHARACTERS_A_STEP)
  }

  /** Pays for looking for a text in another, of these lengths: at worst it is nearly there in every place. */
  search(length: number, sought: number): void {
    this.text(length)
    this.spend((sought * Math.max(0, length - sought)) / COMPARED_A_STEP)
  }

  /** Joining two texts copies neither in V8: only the shorter is paid for. */
  joined(one: number, other: number): void {
    this.text(Math.min(one, other))
    if (one + other > this.#limits.characters) this.text(one + other)
  }

  enter(): void {
    this.spend(1)
    if (++this.#depth > DEEPEST) throw new Fault('limit', `nests deeper than ${DEEPEST} levels`)
  }

  leave(): void {
    this.#depth--
  }
}
