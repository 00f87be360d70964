import type { CodeLanguage } from '../language.js'
import { lexisOf, type Lexis } from './lexis.js'
import type { Frame, Token } from './token.js'

/** An `#if` that has no `#endif` yet: where it stands, and what was open there. */
interface Conditional {
  readonly at: number
  readonly top: Frame | undefined
  readonly parent: Conditional | undefined
}

/**
 * How far a text was read, what is open there and what came last: what the readers of code, strings, comments and JSX share. They count
 * characters in `text` as it is now; frames and tokens keep places, `offset` farther.
 */
export class Reading {
  readonly lexis: Lexis
  text = ''
  /** The place of the text's first character. */
  offset = 0
  /** No more text will come. */
  final = false
  /** More text must tell what comes next. */
  waits = false
  top: Frame | undefined
  /** The last token that is neither comment nor line break, and the one before it. */
  last: Token | undefined
  beforeLast: Token | undefined
  /** The first token on this line. */
  lineFirst: Token | undefined
  column = 0
  conditional: Conditional | undefined

  constructor(
    readonly language: CodeLanguage | undefined,
    public position: number,
    private readonly tabWidth: number,
  ) {
    this.lexis = lexisOf(language)
  }

  clone(): Reading {
    const { top, last, beforeLast, lineFirst, column, conditional } = this
    return Object.assign(new Reading(this.language, this.position, this.tabWidth), { top, last, beforeLast, lineFirst, column, conditional })
  }

  /** The next character's index. */
  get at(): number {
    return this.position - this.offset
  }

  /** Whether the text ends before this index, and may go on. */
  lacks(index: number): boolean {
    return index >= this.text.length && !this.final
  }

  wait(): undefined {
    this.waits = true
    return undefined
  }

  /** Goes on to an index, over what is no token. */
  skipTo(index: number): undefined {
    for (let i = this.at; i < index; i++) {
      const code = this.text.charCodeAt(i)
      if (code === 10 || code === 13) this.column = 0
      else this.column = code === 9 ? this.column - (this.column % this.tabWidth) + this.tabWidth : this.column + 1
    }
    this.position = this.offset + index
    return undefined
  }

  /** Goes on to an index, behind which more text must tell. */
  waitAt(index: number): undefined {
    this.skipTo(index)
    return this.wait()
  }

  /** Goes on behind a token. */
  token(type: Token['type'], start: number, end: number, extra: Partial<Token> = {}): Token {
    const first = this.lineFirst === undefined && type !== 'newline'
    const token: Token = { type, text: this.text.slice(start, end), start: this.offset + start, end: this.offset + end, ...(first ? { first, column: this.column } : {}), ...extra }
    this.skipTo(end)
    return token
  }

  /** @param place Of what opens it; not its index. */
  push(kind: Frame['kind'], closer: string, place: number, other: Partial<Frame> = {}): void {
    this.top = { kind, closer, at: place, parent: this.top, depth: (this.top?.depth ?? 0) + 1, block: false, body: false, escapes: false, multiline: false, interpolates: undefined, name: '', column: undefined, ...other }
  }

  /** What was read last is no value: a slash begins a regular expression here, and `<` an element. */
  get expectsValue(): boolean {
    const { last, beforeLast } = this
    if (last === undefined || last.type === 'open' || last.type === 'directive') return true
    // Nobody divides an element.
    if (last.type === 'close') return last.text === '}' || last.text.endsWith('>')
    // After a value, `!` says that it is not null.
    if (last.text === '!' && beforeLast?.end === last.start && /^(?:word|close|string)$/.test(beforeLast.type)) return false
    if (last.type === 'punctuation') return last.text !== '++' && last.text !== '--'
    return last.type === 'word' && wordsBeforeValues.has(last.text)
  }
}

const wordsBeforeValues = new Set(['return', 'typeof', 'instanceof', 'in', 'of', 'new', 'delete', 'void', 'throw', 'case', 'do', 'else', 'yield', 'await', 'default', 'extends'])
