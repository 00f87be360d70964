import { Pace, type GuessLimits, type Speculator } from './speculator.js'

export interface PromptLookupSizes {
  readonly tokens: number
  readonly longest: number
  readonly shortest: number
}

/**
 * Guesses that the text goes on as it did where it last stood alike (prompt lookup decoding, Saxena 2023): code is full of
 * repetition, and an edit repeats most of what it edits.
 */
export class PromptLookup implements Speculator {
  readonly #sizes: PromptLookupSizes
  readonly #pace: Pace

  constructor(sizes: PromptLookupSizes) {
    this.#sizes = sizes
    this.#pace = new Pace(sizes.tokens)
  }

  propose(tokens: readonly number[], { room, sharing }: GuessLimits): readonly number[] {
    const count = Math.min(room, this.#pace.next(sharing))
    if (count <= 0) return []
    const next = afterLongestMatch(tokens, this.#sizes)
    return next === undefined ? [] : tokens.slice(next, next + count)
  }

  told(proposed: number, accepted: number): void {
    this.#pace.told(proposed, accepted)
  }
}

/** Where the last tokens stood before: the place behind the longest match, the latest of several as long. 32,768 tokens take some 30 µs. */
export function afterLongestMatch(tokens: readonly number[], { longest, shortest }: Omit<PromptLookupSizes, 'tokens'>): number | undefined {
  const last = tokens.length - 1
  let best = shortest - 1
  let place: number | undefined
  for (let end = last - 1; end >= best; end--) {
    if (tokens[end] !== tokens[last]) continue
    let length = 1
    while (length < longest && length <= end && tokens[end - length] === tokens[last - length]) length++
    if (length <= best) continue
    best = length
    place = end + 1
    if (best === longest) break
  }
  return place
}
