import type { CodeLanguage } from '../language.js'

/** How a language's text falls into words, strings and comments: what brackets cannot be counted without. */
export interface Lexis {
  readonly lineComments: readonly string[]
  readonly blockComments?: { readonly nested: boolean }
  /** The characters that quote strings of one line. */
  readonly quotes: string
  /** Of those, which quote strings of many lines when tripled. */
  readonly tripled?: string
  /** What a string may begin with before its quote: `rb"…"`. */
  readonly stringPrefix?: RegExp
  /** Behind which of those braces hold expressions. */
  readonly interpolating?: RegExp
  readonly backtick?: 'template' | 'raw'
  readonly regularExpressions?: boolean
  readonly jsx?: boolean
  /** Lines that begin with `#` belong to a preprocessor. */
  readonly directives?: boolean
  readonly syntax: 'braces' | 'indentation' | 'unknown'
  /** Whether a line's end may end a statement, where the next line does not go on with it; in Go it does whenever the last word allows. */
  readonly newline: 'never' | 'maybe' | 'always'
}

const c: Lexis = { lineComments: ['//'], blockComments: { nested: false }, quotes: '"\'', directives: true, syntax: 'braces', newline: 'never' }
const javascript: Lexis = { lineComments: ['//'], blockComments: { nested: false }, quotes: '"\'', backtick: 'template', regularExpressions: true, jsx: true, syntax: 'braces', newline: 'maybe' }
const { jsx: _none, ...typescript } = javascript

const lexes: Readonly<Record<CodeLanguage, Lexis>> = {
  javascript,
  typescript,
  tsx: javascript,
  python: { lineComments: ['#'], quotes: '"\'', tripled: '"\'', stringPrefix: /^(?:[rbfut]|[bft]r|r[bft])$/i, interpolating: /[ft]/i, syntax: 'indentation', newline: 'always' },
  java: { lineComments: ['//'], blockComments: { nested: false }, quotes: '"\'', tripled: '"', syntax: 'braces', newline: 'never' },
  go: { lineComments: ['//'], blockComments: { nested: false }, quotes: '"\'', backtick: 'raw', syntax: 'braces', newline: 'always' },
  rust: { lineComments: ['//'], blockComments: { nested: true }, quotes: '"', stringPrefix: /^(?:b|r|br|c|cr)$/, syntax: 'braces', newline: 'never' },
  c,
  cpp: { ...c, stringPrefix: /^(?:u8|[uUL])?R?$/ },
}

const unknown: Lexis = { lineComments: ['//', '#'], blockComments: { nested: false }, quotes: '"\'', syntax: 'unknown', newline: 'maybe' }

export function lexisOf(language: CodeLanguage | undefined): Lexis {
  return language === undefined ? unknown : lexes[language]
}
