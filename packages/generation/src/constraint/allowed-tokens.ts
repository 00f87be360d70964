import type { Automaton, State } from './automaton.js'
import type { TokenTrie } from './token-trie.js'

/** Masks kept for each tokenizer and grammar, 19 kB each for 150,000 tokens; those not used for longest are forgotten. */
const MASKS = 256

/** Which tokens fit in a state, as one bit for each id. */
export class AllowedTokens {
  readonly #automaton: Automaton
  readonly #trie: TokenTrie
  readonly #masks = new Map<State, Uint32Array>()
  readonly #path: (State | null)[]

  constructor(automaton: Automaton, trie: TokenTrie) {
    this.#automaton = automaton
    this.#trie = trie
    this.#path = Array.from<State | null>({ length: trie.deepest + 1 }).fill(null)
  }

  in(state: State): Uint32Array {
    const known = this.#masks.get(state)
    const mask = known ?? this.#walk(state)
    if (known !== undefined) this.#masks.delete(state)
    else if (this.#masks.size === MASKS) this.#masks.delete(this.#masks.keys().next().value!)
    this.#masks.set(state, mask)
    return mask
  }

  #walk(state: State): Uint32Array {
    const { bytes, depths, ends, tokens, vocabulary } = this.#trie
    const { sorted } = vocabulary
    const mask = new Uint32Array(Math.ceil(vocabulary.size / 32))
    const path = this.#path
    path[0] = state
    for (let node = 0; node < bytes.length; ) {
      const depth = depths[node]!
      const next = this.#automaton.step(path[depth]!, bytes[node]!)
      if (next === null) {
        node = ends[node]!
        continue
      }
      path[depth + 1] = next
      for (let index = tokens[node]!; index < tokens[node + 1]!; index++) {
        const id = sorted[index]!
        mask[id >> 5]! |= 1 << (id & 31)
      }
      node++
    }
    return mask
  }
}
