import type { Cursor } from './cursor.js'
import type { CodeLanguage } from './language.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame, Token } from './scanner/token.js'
import { closedBy } from './suffix.js'

/** In these no semicolon stands between parentheses, but for the words below. (In Rust and Go they do.) */
const languages: ReadonlySet<CodeLanguage | undefined> = new Set(['javascript', 'typescript', 'tsx', 'java', 'c', 'cpp'])
const takesSemicolons: ReadonlySet<string> = new Set(['for', 'await', 'if', 'constexpr', 'switch', 'while', 'try'])

/** Brackets that were left open before a semicolon. */
export interface Forgotten {
  /** Where the semicolon stands. */
  readonly at: number
  readonly closers: string
}

/** Watches for a model that forgot to close a bracket, and goes on behind the semicolon. */
export class Semicolons {
  private found: (Forgotten & { readonly top: Frame }) | undefined
  private readonly applies: boolean
  private readonly hasMacros: boolean

  constructor(private readonly cursor: Cursor) {
    const { language } = cursor
    this.applies = languages.has(language)
    this.hasMacros = language === 'c' || language === 'cpp'
  }

  /** What was forgotten, once a token tells: what closes something else, or, where no macro takes statements, the line's end behind the semicolon. */
  observe(token: Token, scanner: Scanner): Forgotten | undefined {
    const { found } = this
    if (!this.applies) return undefined
    if (found !== undefined && token.type === 'newline' && !this.hasMacros && scanner.last?.start === found.at) return found
    if (found !== undefined && token.type === 'close') {
      if (token.mismatched === true) return found
      // It was not forgotten: an odd macro, say.
      if (token.frame === found.top) this.found = undefined
    } else if (found === undefined && token.type === 'punctuation' && token.text === ';' && token.start >= 0) {
      const { top } = scanner
      const closers = top === undefined ? '' : closersOf(this.cursor, top)
      if (closers !== '') this.found = { at: token.start, top: top!, closers }
    }
    return undefined
  }

  /** What was forgotten where no more text comes. */
  get left(): Forgotten | undefined {
    return this.found
  }
}

/** What closes the brackets between `top` and the statements around them; '' where they are not all the completion's own. */
function closersOf(cursor: Cursor, top: Frame): string {
  const closed = closedBy(cursor.suffix.closers, top)
  let closers = ''
  let frame: Frame | undefined = top
  for (; frame !== undefined && !frame.block; frame = frame.parent) {
    if ((frame.kind !== '(' && frame.kind !== '[') || frame.at < 0 || frame.depth <= closed || takesSemicolons.has(frame.name)) return ''
    closers += frame.closer
  }
  return closers
}
