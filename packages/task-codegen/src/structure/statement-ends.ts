import type { CodeLanguage } from './language.js'
import type { Scanner } from './scanner/scanner.js'
import type { Token } from './scanner/token.js'

/** Words of JavaScript that something must follow. */
const unfinished = new Set(['abstract', 'as', 'async', 'await', 'case', 'catch', 'class', 'const', 'declare', 'default', 'delete', 'do', 'else', 'enum', 'export', 'extends', 'finally', 'for', 'from', 'function', 'if', 'implements', 'import', 'in', 'instanceof', 'interface', 'let', 'namespace', 'new', 'of', 'private', 'protected', 'public', 'readonly', 'satisfies', 'static', 'switch', 'throw', 'try', 'typeof', 'var', 'void', 'while', 'with'])
/** Go's own list of what ends a statement at a line's end. */
const goKeywords = new Set(['case', 'chan', 'const', 'default', 'defer', 'else', 'for', 'func', 'go', 'goto', 'if', 'import', 'interface', 'map', 'package', 'range', 'select', 'struct', 'switch', 'type', 'var'])
/** `if (x)` has nothing yet behind it. `while (x)` may end a loop: the grammar tells. */
const heads = new Set(['if', 'for', 'switch', 'catch', 'with', 'await'])

/** Whether a line that ends in this token may be a statement's last. */
export function canEndStatement(token: Token, { beforeLast }: Pick<Scanner, 'beforeLast'>, language: CodeLanguage | undefined): boolean {
  switch (token.type) {
    case 'word':
      return language === 'go' ? !goKeywords.has(token.text) : !unfinished.has(token.text) || (beforeLast?.text === '.' && language !== undefined)
    case 'number':
    case 'string':
    case 'directive':
      return true
    case 'close':
      return language === 'go' || !(token.text === ')' && token.frame !== undefined && heads.has(token.frame.name))
    case 'punctuation':
      if (token.text === '++' || token.text === '--' || token.text === ';') return true
      return language !== 'go' && (token.text === '!' || token.text === '?') && beforeLast?.end === token.start
    default:
      return false
  }
}

const goesOn = /^(?:\?\.|\.(?!\.\.)|[?:,=]|&&|\|\||[*/%|^&<>](?!$)|[+\-*/%|^&>]=?$|[!=]==?$)/
const goesOnBehindBrace = /^(?:\?\.|\.(?!\.)|[?,=]|->|&&|\|\|)/
const wordsThatGoOn = new Set(['else', 'catch', 'finally'])
const operatorWords = new Set(['instanceof', 'in', 'of', 'as', 'satisfies'])

/** Whether a token on a later line goes on with a statement that might have ended. */
export function goesOnWith(token: Token, previous: Token, doing: boolean, { lexis }: Pick<Scanner, 'lexis'>): boolean {
  if (token.type === 'word') return wordsThatGoOn.has(token.text) || (doing && token.text === 'while') || (lexis.newline === 'maybe' && operatorWords.has(token.text))
  if (token.type === 'open') return token.text === '{' && previous.text === ')'
  if (token.type !== 'punctuation') return false
  return lexis.newline === 'maybe' ? goesOn.test(token.text) : goesOnBehindBrace.test(token.text)
}
