import { InvalidInputError, type Tokenizer } from '@tenon/core'
import { AllowedTokens } from './allowed-tokens.js'
import { Automaton, type State } from './automaton.js'
import type { Grammar } from './expression.js'
import { InvalidGrammarError } from './invalid-grammar-error.js'
import { networkOf } from './network.js'
import { tokenTrieOf, type TokenTrie } from './token-trie.js'

/** What the tokens of one sequence must spell. */
export interface Constraint {
  /** Writes -Infinity over the logits of all tokens that do not fit next; end tokens fit where the text is complete. [vocabulary] */
  mask(logits: Float32Array): void
  /** Goes on over a token. Where it does not fit nothing changes, and it returns false. */
  accept(token: number): boolean
  /** Whether the text may end here. */
  readonly complete: boolean
  /** Whether nothing may follow: an end token came, or the text is complete and cannot go on. */
  readonly finished: boolean
  /** Takes back the last tokens accepted, as speculation does. */
  rollback(tokens: number): void
  /** A constraint in the same place that goes its own way. */
  fork(): Constraint
}

/** Makes the constraint of a sequence that begins. What is costly is made once, and shared by all sequences of a tokenizer. */
export type ConstraintFactory = (tokenizer: Tokenizer, endTokens: readonly number[]) => Promise<Constraint>

/**
 * @param read Makes the grammar.
 * @throws InvalidGrammarError @throws UnsatisfiableConstraintError
 */
export function constraintOf(read: () => Grammar): ConstraintFactory {
  const automaton = bounded(() => new Automaton(networkOf(read())))
  const allowed = new WeakMap<TokenTrie, AllowedTokens>()
  return async (tokenizer, endTokens) => {
    const trie = tokenTrieOf(tokenizer)
    let tokens = allowed.get(trie)
    if (tokens === undefined) allowed.set(trie, (tokens = new AllowedTokens(automaton, trie)))
    return new AutomatonConstraint(automaton, tokens, trie, new Set(endTokens), [automaton.start])
  }
}

/** Grammars are followed by recursion: one that JavaScript's stack does not hold is refused like any that is too large. */
function bounded<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new InvalidGrammarError({ problem: 'is too large, or nests too deep', remedy: 'Ask for fewer alternatives, shorter names and texts, and less within one another' })
  }
}

class AutomatonConstraint implements Constraint {
  readonly #automaton: Automaton
  readonly #allowed: AllowedTokens
  readonly #trie: TokenTrie
  readonly #endTokens: ReadonlySet<number>
  /** The state after each token; `null` after an end token. */
  readonly #states: (State | null)[]

  constructor(automaton: Automaton, allowed: AllowedTokens, trie: TokenTrie, endTokens: ReadonlySet<number>, states: (State | null)[]) {
    this.#automaton = automaton
    this.#allowed = allowed
    this.#trie = trie
    this.#endTokens = endTokens
    this.#states = states
  }

  get #state(): State | null {
    return this.#states.at(-1)!
  }

  get complete(): boolean {
    return this.#state === null || this.#state.complete
  }

  get finished(): boolean {
    return this.#state === null || (this.#state.complete && this.#state.places.length === 0)
  }

  mask(logits: Float32Array): void {
    const state = this.#state
    if (state === null) {
      logits.fill(-Infinity)
      return
    }
    const ends = state.complete ? [...this.#endTokens].filter((token) => token < logits.length).map((token) => [token, logits[token]!] as const) : []
    const mask = this.#allowed.in(state)
    for (let start = 0; start < logits.length; start += 32) {
      const bits = mask[start >> 5] ?? 0
      const end = Math.min(start + 32, logits.length)
      if (bits === 0) logits.fill(-Infinity, start, end)
      else if (bits !== 0xffff_ffff) {
        for (let token = start; token < end; token++) if (((bits >>> (token - start)) & 1) === 0) logits[token] = -Infinity
      }
    }
    for (const token of this.#endTokens) if (token < logits.length) logits[token] = -Infinity
    for (const [token, logit] of ends) logits[token] = logit
  }

  accept(token: number): boolean {
    let state = this.#state
    if (state === null) return false
    if (this.#endTokens.has(token)) {
      if (state.complete) this.#states.push(null)
      return state.complete
    }
    const bytes = this.#trie.vocabulary.bytes(token)
    if (bytes.length === 0) return false
    for (const byte of bytes) {
      state = this.#automaton.step(state, byte)
      if (state === null) return false
    }
    this.#states.push(state)
    return true
  }

  rollback(tokens: number): void {
    if (!Number.isInteger(tokens) || tokens < 0 || tokens >= this.#states.length)
      throw new InvalidInputError({ what: 'the number of tokens to take back', problem: `is ${tokens}, where ${this.#states.length - 1} were accepted`, remedy: 'take back as many at most' })
    this.#states.length -= tokens
  }

  fork(): Constraint {
    return new AutomatonConstraint(this.#automaton, this.#allowed, this.#trie, this.#endTokens, [...this.#states])
  }
}
