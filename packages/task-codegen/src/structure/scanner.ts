import type { CodeLanguage } from './language.js'
import { lexisOf, type Lexis } from './lexis.js'

/** Something open: a bracket, a string, a comment, a JSX tag or element. A linked list, so that a state is kept by keeping its top. */
export interface Frame {
  readonly kind: '(' | '[' | '{' | '${' | 'string' | 'comment' | 'line' | 'tag' | 'element'
  /** What closes it. */
  readonly closer: string
  /** Where it opened; places in the completion count from 0, those before the cursor are negative. */
  readonly at: number
  readonly parent: Frame | undefined
  /** 1 for the outermost. */
  readonly depth: number
  /** A brace that holds statements, as far as the words before it tell. */
  readonly block: boolean
  /** A brace that seems to be the body of a function. */
  readonly body: boolean
  /** Strings: a backslash escapes, lines may break, `${` interpolates. */
  readonly escapes: boolean
  readonly multiline: boolean
  readonly interpolates: boolean
  /** Of tags their name, of brackets the word before them. */
  readonly name: string
  /** The column it opened in, where nothing but white space precedes it on its line. */
  readonly column: number | undefined
}

export interface Token {
  readonly type: 'word' | 'number' | 'string' | 'comment' | 'directive' | 'open' | 'close' | 'punctuation' | 'newline'
  readonly text: string
  readonly start: number
  readonly end: number
  /** `close`: what it closed, if anything was open that it can close. */
  readonly frame?: Frame | undefined
  /** `close`: it does not close what was opened last. */
  readonly mismatched?: boolean
  /** Nothing but white space precedes it on its line, in this column. */
  readonly first?: boolean
  readonly column?: number
}

interface Conditional {
  readonly at: number
  readonly top: Frame | undefined
  readonly parent: Conditional | undefined
}

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const wordStart = /[\p{L}\p{N}_$]/u
const operatorRun = /[=+\-*%&|^!~?:>.@]+/y
const wordRun = /[\p{L}\p{N}\p{M}_$\u200c\u200d]+/uy
const numberRun = /(?:[\p{L}\p{N}_]|\.(?=\p{N}))+/uy
const cppNumberRun = /(?:[\w]|\.(?=\d)|'(?=\w))+/y
const beforeValue = new Set(['return', 'typeof', 'instanceof', 'in', 'of', 'new', 'delete', 'void', 'throw', 'case', 'do', 'else', 'yield', 'await', 'default', 'extends'])
const beforeObject = new Set(['return', 'typeof', 'in', 'of', 'throw', 'yield', 'await', 'new', 'case', 'import', 'export', 'type', 'const', 'let', 'var'])
const control = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'else', 'do', 'try', 'finally', 'match', 'loop', 'unsafe', 'select', 'class', 'struct', 'enum', 'interface', 'namespace', 'impl', 'trait', 'mod', 'union', 'type', 'synchronized'])
/** Longer, it is no regular expression but a division on a line of machine-made code. */
const longestRegularExpression = 2_000

/**
 * Reads a text piece by piece and reports its tokens, keeping what is open. A token whose end the text so far cannot tell
 * (a word that may grow, a slash that may begin a comment) waits for more, so no text is read twice but a token's length.
 */
export class Scanner {
  readonly lexis: Lexis
  /** How far the text was read. */
  position: number
  top: Frame | undefined
  /** The last token that is neither comment nor line break, and the one before it. */
  last: Token | undefined
  beforeLast: Token | undefined
  /** The first token on this line. */
  lineFirst: Token | undefined
  private column = 0
  private conditional: Conditional | undefined

  constructor(
    private readonly language: CodeLanguage | undefined,
    position: number,
    private readonly tabWidth: number = 8,
  ) {
    this.lexis = lexisOf(language)
    this.position = position
  }

  clone(): Scanner {
    const copy = new Scanner(this.language, this.position, this.tabWidth)
    return Object.assign(copy, { top: this.top, last: this.last, beforeLast: this.beforeLast, lineFirst: this.lineFirst, column: this.column, conditional: this.conditional })
  }

  /** The column of the next character: what precedes it on the line may be anything. */
  get currentColumn(): number {
    return this.column
  }

  /** The next token of `text`, whose first character stands at `offset`; undefined where more text is needed to tell. With `final` there is no more. */
  next(text: string, offset: number, final: boolean): Token | undefined {
    // Half a character waits for its other half.
    if (!final && (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800) text = text.slice(0, -1)
    for (;;) {
      const at = this.position - offset
      if (at >= text.length) return undefined
      const before = this.position
      const token = this.step(text, at, offset, final)
      if (token !== undefined) {
        if (token.type === 'newline') this.lineFirst = undefined
        else if (token.type !== 'comment') {
          this.beforeLast = this.last
          this.last = token
          this.lineFirst ??= token
        }
        return token
      }
      if (this.position === before && this.stalled) return undefined
    }
  }

  /** What would close everything that is open, innermost first. */
  closing(): string {
    const parts: string[] = []
    let conditional = this.conditional
    const conditionals = (after: number) => {
      for (; conditional !== undefined && conditional.at > after; conditional = conditional.parent) parts.push('\n#endif\n')
    }
    for (let frame = this.top; frame !== undefined; frame = frame.parent) {
      conditionals(frame.at)
      parts.push(frame.closer)
      // A call without its semicolon would be read as something else.
      if (this.lexis.newline === 'never' && frame.kind === '(' && frame.parent?.block === true) parts.push(';')
    }
    conditionals(-Infinity)
    return parts.join('')
  }

  private stalled = false

  private wait(): undefined {
    this.stalled = true
    return undefined
  }

  private move(to: number, offset: number, text: string): void {
    const from = this.position - offset
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i)
      if (code === 10 || code === 13) this.column = 0
      else this.column = code === 9 ? this.column - (this.column % this.tabWidth) + this.tabWidth : this.column + 1
    }
    this.position = offset + to
  }

  private push(kind: Frame['kind'], closer: string, at: number, flags: Partial<Frame> = {}): Frame {
    this.top = { kind, closer, at, parent: this.top, depth: (this.top?.depth ?? 0) + 1, block: false, body: false, escapes: false, multiline: false, interpolates: false, name: '', column: undefined, ...flags }
    return this.top
  }

  private token(type: Token['type'], text: string, at: number, end: number, offset: number, extra: Partial<Token> = {}): Token {
    const first = this.lineFirst === undefined && type !== 'newline'
    const token: Token = { type, text: text.slice(at, end), start: offset + at, end: offset + end, ...(first ? { first, column: this.column } : {}), ...extra }
    this.move(end, offset, text)
    return token
  }

  private step(text: string, at: number, offset: number, final: boolean): Token | undefined {
    this.stalled = false
    switch (this.top?.kind) {
      case 'string':
        return this.inString(text, at, offset, final, this.top)
      case 'comment':
      case 'line':
        return this.inComment(text, at, offset, final, this.top)
      case 'tag':
        return this.inTag(text, at, offset, final, this.top)
      case 'element':
        return this.inElement(text, at, offset, final, this.top)
      default:
        return this.inCode(text, at, offset, final)
    }
  }

  private inString(text: string, at: number, offset: number, final: boolean, frame: Frame): Token | undefined {
    const { closer } = frame
    for (let i = at; i < text.length; i++) {
      const character = text[i]!
      if (frame.escapes && character === '\\') {
        if (i + 1 >= text.length && !final) {
          this.move(i, offset, text)
          return this.wait()
        }
        i += text[i + 1] === '\r' && text[i + 2] === '\n' ? 2 : 1
        continue
      }
      if (character === closer[0] && text.startsWith(closer, i)) {
        this.top = frame.parent
        return this.token('string', text, at, i + closer.length, offset, { frame })
      }
      if (character === closer[0] && closer.length > 1 && !final && i + closer.length > text.length && closer.startsWith(text.slice(i))) {
        this.move(i, offset, text)
        return this.wait()
      }
      if (!frame.multiline && (character === '\n' || character === '\r')) {
        this.top = frame.parent
        return this.token('string', text, at, i, offset, { frame, mismatched: true })
      }
      if (frame.interpolates && character === '$') {
        if (i + 1 >= text.length && !final) {
          this.move(i, offset, text)
          return this.wait()
        }
        if (text[i + 1] === '{') {
          const from = this.token('open', text, i, i + 2, offset)
          this.push('${', '}', offset + i)
          return from
        }
      }
    }
    this.move(text.length, offset, text)
    return this.wait()
  }

  private inComment(text: string, at: number, offset: number, final: boolean, frame: Frame): Token | undefined {
    if (frame.kind === 'line') {
      let end = at
      for (; end < text.length; end++) {
        const character = text[end]
        if (frame.escapes && character === '\\') {
          if (end + 1 >= text.length && !final) break
          end += text[end + 1] === '\r' && text[end + 2] === '\n' ? 2 : 1
        } else if (character === '\n' || character === '\r') {
          this.top = frame.parent
          return this.token(frame.escapes ? 'directive' : 'comment', text, at, end, offset, { frame, start: frame.at, ...(frame.column === undefined ? {} : { first: true, column: frame.column }) })
        }
      }
      this.move(Math.min(end, text.length), offset, text)
      return this.wait()
    }
    const nested = this.lexis.blockComments?.nested === true
    for (let i = at; i < text.length; i++) {
      const character = text[i]
      if (character !== '*' && !(nested && character === '/')) continue
      if (i + 1 >= text.length && !final) {
        this.move(i, offset, text)
        return this.wait()
      }
      if (character === '*' && text[i + 1] === '/') {
        this.top = frame.parent
        return this.token('comment', text, at, i + 2, offset, { frame, start: frame.at, ...(frame.column === undefined ? {} : { first: true, column: frame.column }) })
      }
      if (nested && character === '/' && text[i + 1] === '*') {
        this.move(i + 2, offset, text)
        this.push('comment', '*/', offset + i)
        return undefined
      }
    }
    this.move(text.length, offset, text)
    return this.wait()
  }

  private inTag(text: string, at: number, offset: number, final: boolean, frame: Frame): Token | undefined {
    const character = text[at]!
    if (character === '"' || character === "'") {
      return this.openString(text, at, at + 1, offset, { closer: character, multiline: true })
    }
    if (character === '{') return this.open(text, at, offset, false)
    if (character === '/') {
      if (at + 1 >= text.length && !final) return this.wait()
      if (text[at + 1] === '>') {
        this.top = frame.parent
        return this.token('close', text, at, at + 2, offset, { frame })
      }
    }
    if (character === '>') {
      this.top = frame.parent
      this.push('element', `</${frame.name}>`, frame.at)
      this.move(at + 1, offset, text)
      return undefined
    }
    this.move(at + 1, offset, text)
    return undefined
  }

  private inElement(text: string, at: number, offset: number, final: boolean, frame: Frame): Token | undefined {
    for (let i = at; i < text.length; i++) {
      const character = text[i]
      if (character === '{') {
        this.move(i, offset, text)
        return this.open(text, i, offset, false)
      }
      if (character !== '<') continue
      this.move(i, offset, text)
      if (text[i + 1] === '/') {
        const end = text.indexOf('>', i)
        if (end < 0) {
          if (!final) return this.wait()
          break
        }
        const closing = text.slice(i, end + 1).replaceAll(/\s/g, '')
        this.top = frame.parent
        return this.token('close', text, i, end + 1, offset, { frame, ...(closing === frame.closer ? {} : { mismatched: true }) })
      }
      const tag = this.tag(text, i, offset, final)
      if (tag !== 'none') return tag
    }
    this.move(text.length, offset, text)
    return this.wait()
  }

  /** Opens the tag that begins at `at`, if one does; undefined where more text must tell. */
  private tag(text: string, at: number, offset: number, final: boolean): Token | undefined | 'none' {
    const found = /^<([\p{L}_$][\p{L}\p{N}_$.:-]*)?/u.exec(text.slice(at, at + 200))!
    if (at + found[0].length >= text.length && !final) return this.wait()
    const name = found[1] ?? ''
    const after = text.slice(at + found[0].length, at + found[0].length + 9)
    // `<` alone compares; `<T,>` and `<T extends U>` are parameters of an arrow function.
    if ((name === '' && after[0] !== '>') || /^\s*,/.test(after) || /^\s+extends\b/.test(after)) return 'none'
    const token = this.token('open', text, at, at + found[0].length, offset)
    this.push('tag', '/>', offset + at, { name })
    return token
  }

  private openString(text: string, at: number, end: number, offset: number, frame: Partial<Frame> & { readonly closer: string }): Token {
    const token = this.token('open', text, at, end, offset)
    this.push('string', frame.closer, offset + at, frame)
    return token
  }

  private openComment(text: string, at: number, end: number, offset: number, frame: Pick<Frame, 'kind' | 'closer'> & Partial<Frame>): undefined {
    this.push(frame.kind, frame.closer, offset + at, { ...frame, column: this.lineFirst === undefined ? this.column : undefined })
    this.move(end, offset, text)
    return undefined
  }

  private open(text: string, at: number, offset: number, statements: boolean): Token {
    const character = text[at] as '(' | '[' | '{'
    const { lineFirst, last } = this
    const token = this.token('open', text, at, at + 1, offset)
    const block = character === '{' && statements && this.opensBlock(text[at - 1])
    const body = block && last !== undefined && !(lineFirst !== undefined && control.has(lineFirst.text === '}' ? 'else' : lineFirst.text))
    this.push(character, closers[character]!, offset + at, { block, body, name: last?.type === 'word' ? last.text : '' })
    return token
  }

  private opensBlock(previous: string | undefined): boolean {
    const { last } = this
    if (last === undefined || last.type === 'open' || last.type === 'close') {
      if (this.language === 'go' && last?.text === ']') return false
      return last?.text !== '(' && last?.text !== '['
    }
    if (last.type === 'punctuation') return last.text === '=>' || last.text === ';' || last.text.endsWith('>') || (last.text === ':' && this.beforeLast?.text === ')')
    if (last.type === 'word') return !beforeObject.has(last.text) && !(this.language === 'go' && previous !== undefined && wordStart.test(previous) && !/^(?:struct|interface)$/.test(last.text))
    return true
  }

  private expectsValue(): boolean {
    const { last } = this
    if (last === undefined || last.type === 'open' || last.type === 'directive') return true
    if (last.type === 'close') return last.text === '}'
    // After a value, `!` says that it is not null.
    if (last.text === '!' && this.beforeLast?.end === last.start && /^(?:word|close|string)$/.test(this.beforeLast.type)) return false
    if (last.type === 'punctuation') return last.text !== '++' && last.text !== '--'
    return last.type === 'word' && beforeValue.has(last.text)
  }

  private inCode(text: string, at: number, offset: number, final: boolean): Token | undefined {
    const { lexis } = this
    const character = text[at]!
    const following = text[at + 1]
    const needsMore = following === undefined && !final
    switch (character) {
      case '\n':
        return this.token('newline', text, at, at + 1, offset)
      case '\r':
        if (needsMore) return this.wait()
        return this.token('newline', text, at, at + (following === '\n' ? 2 : 1), offset)
      case '(':
      case '[':
      case '{':
        return this.open(text, at, offset, true)
      case ')':
      case ']':
      case '}':
        return this.close(text, at, offset)
      case ';':
      case ',':
        return this.token('punctuation', text, at, at + 1, offset)
      case '\\':
        if (needsMore) return this.wait()
        if (following === '\n' || following === '\r') {
          this.move(at + (text.startsWith('\r\n', at + 1) ? 3 : 2), offset, text)
          return undefined
        }
        break
    }
    if (/\s/.test(character)) {
      this.move(at + 1, offset, text)
      return undefined
    }
    if (lexis.directives === true && character === '#' && this.lineFirst === undefined) return this.directive(text, at, offset, final)
    const comment = lexis.lineComments.find((opening) => text.startsWith(opening, at))
    if (comment !== undefined && !(lexis.syntax === 'unknown' && at > 0 && /[\w:&$'"]/.test(text[at - 1]!))) {
      return this.openComment(text, at, at + comment.length, offset, { kind: 'line', closer: '\n' })
    }
    if (character === '/') {
      if (needsMore) return this.wait()
      if (following === '*' && lexis.blockComments !== undefined) {
        return this.openComment(text, at, at + 2, offset, { kind: 'comment', closer: '*/' })
      }
      if (lexis.regularExpressions === true && this.expectsValue()) return this.regularExpression(text, at, offset, final)
      return this.token('punctuation', text, at, at + 1, offset)
    }
    if (lexis.quotes.includes(character) || (character === "'" && this.language === 'rust')) return this.quote(text, at, at, offset, final)
    if (character === '`' && lexis.backtick !== undefined) {
      return this.openString(text, at, at + 1, offset, { closer: '`', multiline: true, escapes: lexis.backtick === 'template', interpolates: lexis.backtick === 'template' })
    }
    if (character === '<') {
      if (lexis.jsx === true && this.expectsValue()) {
        const tag = this.tag(text, at, offset, final)
        if (tag !== 'none') return tag
      }
      return this.token('punctuation', text, at, at + 1, offset)
    }
    const { pattern, type } = /\p{N}/u.test(character) ? ({ pattern: this.language === 'cpp' ? cppNumberRun : numberRun, type: 'number' } as const) : ({ pattern: wordRun, type: 'word' } as const)
    pattern.lastIndex = at
    const run = pattern.exec(text)
    if (run !== null) {
      const end = at + run[0].length
      if ((end >= text.length || (type === 'number' && end + 1 >= text.length && /[.']/.test(text[end]!))) && !final) return this.wait()
      const next = text[end]!
      if (type === 'word' && lexis.stringPrefix !== undefined && end < text.length && (lexis.quotes.includes(next) || (this.language === 'rust' && (next === '#' || next === "'"))) && lexis.stringPrefix.test(run[0])) {
        const opened = this.prefixed(text, at, end, offset, final)
        if (opened !== 'none') return opened
      }
      return this.token(type, text, at, end, offset)
    }
    operatorRun.lastIndex = at
    const operator = operatorRun.exec(text)
    if (operator === null) return this.token('punctuation', text, at, at + (text.codePointAt(at)! > 0xffff ? 2 : 1), offset)
    const end = at + operator[0].length
    if (end >= text.length && !final) return this.wait()
    return this.token('punctuation', text, at, end, offset)
  }

  private close(text: string, at: number, offset: number): Token {
    const character = text[at]!
    const { top } = this
    if (top !== undefined && top.closer === character) {
      this.top = top.parent
      return this.token('close', text, at, at + 1, offset, { frame: top })
    }
    // Something inside was left open: it ends here too, unless what this closes is not open at all.
    let frame = top
    for (let steps = 0; frame !== undefined && frame.closer !== character && steps < 64; steps++) frame = frame.kind === 'element' || frame.kind === '${' ? undefined : frame.parent
    if (frame?.closer !== character) return this.token('close', text, at, at + 1, offset, { mismatched: true })
    this.top = frame.parent
    return this.token('close', text, at, at + 1, offset, { frame, mismatched: true })
  }

  private directive(text: string, at: number, offset: number, final: boolean): Token | undefined {
    const found = /^#[ \t]*([a-zA-Z]*)/.exec(text.slice(at, at + 40))!
    if (at + found[0].length >= text.length && !final) return this.wait()
    const { top } = this
    switch (found[1]) {
      case 'if':
      case 'ifdef':
      case 'ifndef':
        this.conditional = { at: offset + at, top, parent: this.conditional }
        break
      case 'else':
      case 'elif':
      case 'elifdef':
      case 'elifndef':
        // The branches are alternatives: each begins with what was open before the first.
        if (this.conditional !== undefined) this.top = this.conditional.top
        break
      case 'endif':
        this.conditional = this.conditional?.parent
        break
    }
    return this.openComment(text, at, at + found[0].length, offset, { kind: 'line', closer: '\n', escapes: true })
  }

  private regularExpression(text: string, at: number, offset: number, final: boolean): Token | undefined {
    let inClass = false
    const limit = Math.min(text.length, at + longestRegularExpression)
    for (let i = at + 1; i < limit; i++) {
      const character = text[i]
      if (character === '\\') i++
      else if (character === '\n' || character === '\r') return this.token('punctuation', text, at, at + 1, offset)
      else if (character === '[') inClass = true
      else if (character === ']') inClass = false
      else if (character === '/' && !inClass) return this.token('string', text, at, i + 1, offset)
    }
    return limit === text.length && !final ? this.wait() : this.token('punctuation', text, at, at + 1, offset)
  }

  /** A string begins at the quote at `at`; its token at `from`. */
  private quote(text: string, from: number, at: number, offset: number, final: boolean): Token | undefined {
    const quote = text[at]!
    if (quote === "'" && this.language === 'rust') {
      const next = text.codePointAt(at + 1)
      if (next === undefined && !final) return this.wait()
      const width = next === undefined || next <= 0xffff ? 1 : 2
      if (text[at + 1] !== '\\') {
        if (at + 1 + width >= text.length && !final) return this.wait()
        // 'a is a lifetime, 'a' a character.
        if (text[at + 1 + width] !== "'") return this.token('punctuation', text, from, at + 1, offset)
        return this.token('string', text, from, at + 2 + width, offset)
      }
    }
    if (quote === "'" && this.lexis.syntax === 'unknown' && at > 0 && /\w/.test(text[at - 1]!)) return this.token('punctuation', text, at, at + 1, offset)
    if (this.lexis.tripled?.includes(quote) === true) {
      if (!final && (at + 1 >= text.length || (text[at + 1] === quote && at + 2 >= text.length))) return this.wait()
      if (text[at + 1] === quote && text[at + 2] === quote) {
        return this.openString(text, from, at + 3, offset, { closer: quote.repeat(3), multiline: true, escapes: true })
      }
    }
    return this.openString(text, from, at + 1, offset, { closer: quote, escapes: true, multiline: this.language === 'rust' && quote === '"' })
  }

  /** A string with letters before its quote. */
  private prefixed(text: string, from: number, at: number, offset: number, final: boolean): Token | undefined | 'none' {
    const prefix = text.slice(from, at)
    if (this.language === 'rust' && prefix.includes('r')) {
      const found = /^(#*)(.?)/s.exec(text.slice(at, at + 64))!
      if (found[2] === '' && !final) return this.wait()
      if (found[2] !== '"') return 'none'
      return this.openString(text, from, at + found[0].length, offset, { closer: `"${found[1]}`, multiline: true })
    }
    if (text[at] === '#') return 'none'
    if (this.language === 'cpp' && prefix.endsWith('R')) {
      // The delimiter has 16 characters at most.
      const found = /^"([^\s()\\"]{0,16})(.?)/s.exec(text.slice(at, at + 18))!
      if (found[2] === '' && !final) return this.wait()
      if (found[2] === '(') return this.openString(text, from, at + found[0].length, offset, { closer: `)${found[1]}"`, multiline: true })
    }
    return this.quote(text, from, at, offset, final)
  }
}
