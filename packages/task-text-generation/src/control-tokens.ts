import type { Tokenizer } from '@tenon/core'
import { DEEPEST_DATA, isRecord } from './template/values.js'

/** Private-use characters around the control tokens of what users wrote, while a template is rendered. */
const BEGIN = '\u{f0000}'
const END = '\u{f0001}'

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

/** Any of these texts, the longest first. */
const anyOf = (texts: readonly string[]) => texts.toSorted((one, other) => other.length - one.length).map(escaped).join('|')

/**
 * What ends a turn, or begins one, must be written by the template alone: a message that holds `<|im_end|>` holds six letters and
 * four signs. Every control token in what is passed to a template is marked before, and encoded as text behind it.
 *
 * As transformers has it where it is asked to (`sanitize_control_tokens`): control tokens are the special ones, and those of the
 * added ones that the template writes itself.
 */
export class ControlTokens {
  readonly #tokenizer: Tokenizer
  readonly #control: RegExp | undefined
  readonly #marked: RegExp

  constructor(tokenizer: Tokenizer, literals: string) {
    this.#tokenizer = tokenizer
    const added = tokenizer.addedTokens.filter(({ content }) => content !== '')
    const controls = added.filter(({ content, special }) => special || (literals.includes(content) && content.trim() !== '')).map(({ content }) => content)
    this.#control = controls.length === 0 ? undefined : new RegExp(anyOf(controls), 'g')
    this.#marked = new RegExp(`${BEGIN}(${anyOf(added.map(({ content }) => content)) || '(?!)'})${END}|${BEGIN}|${END}`, 'u')
  }

  /** The same data with marks around control tokens in its texts. Marks that are in it already are taken out. */
  mark<T>(data: T): T {
    return this.#mark(data, 0, new Map()) as T
  }

  /** @param marked What was marked before: it may stand in the data many times. */
  #mark(data: unknown, depth: number, marked: Map<object, unknown>): unknown {
    if (typeof data === 'string') {
      const clean = data.includes('\u{db80}') ? data.replaceAll(BEGIN, '').replaceAll(END, '') : data
      return this.#control === undefined ? clean : clean.replace(this.#control, `${BEGIN}$&${END}`)
    }
    if (depth > DEEPEST_DATA) return data // which the template refuses
    const isList = Array.isArray(data)
    if (!isList && !isRecord(data)) return data
    if (!marked.has(data)) marked.set(data, isList ? data.map((item) => this.#mark(item, depth + 1, marked)) : Object.fromEntries(Object.entries(data).map(([key, value]) => [key, this.#mark(value, depth + 1, marked)])))
    return marked.get(data)
  }

  /** What a template has rendered from marked data, without the marks. */
  unmark(rendered: string): string {
    return rendered.replaceAll(BEGIN, '').replaceAll(END, '')
  }

  /** The ids of a text that was rendered from marked data. */
  async encode(rendered: string): Promise<number[]> {
    // [text, marked token, text, …, text]; a lone mark, which a template has cut off its other half, parts texts without a token.
    const [first = '', ...rest] = rendered.split(this.#marked) as (string | undefined)[]
    const ids = [...(await this.#ids(first, 'tokens'))]
    for (const [index, piece] of rest.entries()) {
      if (piece === undefined || piece === '') continue
      const next = index % 2 === 0 ? await this.#literal(piece) : await this.#within(piece, 'tokens')
      for (const id of next) ids.push(id)
    }
    return ids
  }

  /** A control token's name as text. */
  async #literal(name: string): Promise<readonly number[]> {
    const ids = await this.#within(name, 'text')
    const id = this.#tokenizer.idOf(name)
    if (id === undefined || !ids.includes(id)) return ids
    // A vocabulary may find the name by itself: then in two halves, which are no names.
    const length = String.fromCodePoint(name.codePointAt(0)!).length
    return [...(await this.#within(name.slice(0, length), 'text')), ...(length < name.length ? await this.#literal(name.slice(length)) : [])]
  }

  /** A piece from within a text: behind a line break, since some tokenizers put a space before what begins a text. */
  async #within(piece: string, specialTokens: 'tokens' | 'text'): Promise<readonly number[]> {
    const [newline, ids] = await Promise.all([this.#ids('\n', 'tokens'), this.#ids(`\n${piece}`, specialTokens)])
    return newline.every((id, index) => ids[index] === id) ? ids.slice(newline.length) : this.#ids(piece, specialTokens)
  }

  async #ids(text: string, specialTokens: 'tokens' | 'text'): Promise<readonly number[]> {
    return text === '' ? [] : (await this.#tokenizer.encode(text, { addSpecialTokens: false, specialTokens })).ids
  }
}
