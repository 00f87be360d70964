import type { LogitsProcessor, Vocabulary } from '@tenon/generation'
import { beginnings } from './beginnings.js'

/** Lets a generation begin with nothing but this text: whatever tokens it is cut into, and whatever the last of them goes on with. */
export function continuing(text: string, vocabulary: Vocabulary): LogitsProcessor {
  const bytes = Buffer.from(text)
  return (logits, { tokens, promptLength }) => {
    let done = 0
    for (let index = promptLength; index < tokens.length && done < bytes.length; index++) done += vocabulary.bytes(tokens[index]!).length
    if (done >= bytes.length) return
    const allowed = beginnings(bytes.subarray(done), vocabulary).filter((id) => id < logits.length)
    if (allowed.length === 0) return
    const kept = allowed.map((id) => logits[id]!)
    logits.fill(-Infinity)
    for (const [index, id] of allowed.entries()) logits[id] = kept[index]!
  }
}

/** Counts what one generation writes: how many of its tokens say something behind the text that it begins with, and do not only write that once more. */
export class NewTokens {
  /** How many the generation had made when the last token was chosen. */
  #made = 0
  /** Of them, those that lie within the text. */
  #again = 0
  #bytes = 0
  readonly #length: number
  readonly #vocabulary: Vocabulary

  constructor(text: string, vocabulary: Vocabulary) {
    this.#length = Buffer.byteLength(text)
    this.#vocabulary = vocabulary
  }

  /** Changes no logits. */
  readonly counting: LogitsProcessor = (_, { tokens, promptLength }) => {
    const made = tokens.length - promptLength
    for (; this.#made < made && this.#bytes < this.#length; this.#made++) {
      this.#bytes += this.#vocabulary.bytes(tokens[promptLength + this.#made]!).length
      if (this.#bytes <= this.#length) this.#again++
    }
    this.#made = made
  }

  /** How many there were before the token that was chosen last. */
  get before(): number {
    return this.#made - this.#again
  }

  /** How many of these are new. */
  of(generated: number): number {
    return generated - Math.min(this.#again, generated)
  }
}
