import { checkOptions, InvalidOptionError, type Tokenizer } from '@tenon/core'
import { readerOf, type Reader } from './reader.js'
import { StopStrings } from './stop-strings.js'
import { specialIds } from './vocabulary.js'

export interface TextStreamOptions {
  /** What ends the text. Neither it nor its beginning is ever given out. */
  readonly stop?: readonly string[] | undefined
  /** The tokens before the first one pushed: a character may begin there, and a text that goes on keeps its first space. */
  readonly promptIds?: readonly number[] | undefined
  /** Whether special tokens say nothing. Default true. */
  readonly skipSpecialTokens?: boolean | undefined
}

/**
 * Turns tokens into text as they come. All that `push` and `end` return, put together, is what the tokenizer's decoder makes of
 * the tokens after the prompt's, cut at the first stop string. The time for a token does not grow with the text.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer
  readonly #skipped: ReadonlySet<number>
  readonly #reader: Reader
  readonly #stops: StopStrings | undefined
  /** Text that may be the beginning of a stop string. */
  #pending = ''
  #text = ''
  #stopped: { readonly stop: string } | undefined

  /** @throws InvalidOptionError */
  constructor(tokenizer: Tokenizer, options: TextStreamOptions = {}) {
    checkOptions('TextStream', options, ['stop', 'promptIds', 'skipSpecialTokens'])
    const { stop = [], promptIds = [], skipSpecialTokens = true } = options
    checkStopStrings('TextStream', stop)
    this.#tokenizer = tokenizer
    this.#skipped = skipSpecialTokens ? specialIds(tokenizer) : new Set()
    this.#reader = readerOf(tokenizer, this.#read(promptIds))
    this.#stops = stop.length > 0 ? new StopStrings(stop) : undefined
  }

  /** What was given out so far. */
  get text(): string {
    return this.#text
  }

  /** The stop string that ended the text. */
  get stopped(): { readonly stop: string } | undefined {
    return this.#stopped
  }

  /** Takes the next token, and returns the text that has become certain; often none, sometimes that of several tokens. */
  push(id: number): string {
    if (this.#stopped !== undefined) return ''
    const token = this.#tokenOf(id)
    if (token === undefined) return ''
    const text = this.#give(this.#reader.push(token))
    // Were this the last token, its text would hold the stop string: so it is the last.
    const { tentative } = this.#reader
    if (tentative === '' || this.#stopped !== undefined || this.#stops?.peek(tentative) === undefined) return text
    return text + this.#give(this.#reader.end())
  }

  /** Returns the text that was still held back. */
  end(): string {
    if (this.#stopped !== undefined) return ''
    let text = this.#give(this.#reader.end())
    if (this.#stopped === undefined) {
      text += this.#pending
      this.#text += this.#pending
      this.#pending = ''
    }
    return text
  }

  #give(piece: string): string {
    let text = piece
    if (this.#stops !== undefined && piece !== '') {
      const found = this.#stops.scan(piece)
      this.#pending += found === undefined ? piece : piece.slice(0, found.end)
      const length = this.#pending.length - (found === undefined ? this.#stops.held : found.stop.length)
      text = this.#pending.slice(0, length)
      this.#pending = found === undefined ? this.#pending.slice(length) : ''
      if (found !== undefined) this.#stopped = { stop: found.stop }
    }
    this.#text += text
    return text
  }

  #tokenOf(id: number): string | undefined {
    return this.#skipped.has(id) ? undefined : this.#tokenizer.tokenOf(id)
  }

  /** The tokens that are read, from the last to the first. */
  *#read(ids: readonly number[]): Generator<string> {
    for (let index = ids.length - 1; index >= 0; index--) {
      const token = this.#tokenOf(ids[index]!)
      if (token !== undefined) yield token
    }
  }
}

/** @throws InvalidOptionError where they are no strings, or one is empty. */
export function checkStopStrings(where: string, stop: readonly string[]): void {
  const wrong = (problem: string) => new InvalidOptionError({ where, option: 'stop', problem, remedy: 'Pass an array of strings, such as ["\\n\\n"]' })
  if (!Array.isArray(stop)) throw wrong('is no array')
  for (const each of stop as readonly unknown[]) {
    if (typeof each !== 'string') throw wrong(`holds ${each === null ? 'null' : `a ${typeof each}`}`)
    if (each === '') throw wrong('holds an empty string, which every text begins with')
  }
}
