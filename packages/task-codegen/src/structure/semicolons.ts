import type { Cursor } from './cursor.js'
import type { CodeLanguage } from './language.js'
import type { Frame } from './scanner/token.js'
import { closedBy } from './suffix.js'

/** In these no semicolon stands between parentheses, but for the words below. (In Rust and Go they do.) */
const languages: ReadonlySet<CodeLanguage | undefined> = new Set(['javascript', 'typescript', 'tsx', 'java', 'c', 'cpp'])
const takesSemicolons: ReadonlySet<string> = new Set(['for', 'await', 'if', 'constexpr', 'switch', 'while', 'try'])

/** A text of noise may have one in each line. */
const mostMended = 8

/** A model that forgot to close a bracket, and went on behind the semicolon: what it opened is closed before the semicolon. */
export function closedBeforeSemicolons(cursor: Cursor, completion: string): string {
  if (!languages.has(cursor.language)) return completion
  let text = completion
  for (let count = 0; count < mostMended; count++) {
    const forgotten = firstForgotten(cursor, text)
    if (forgotten === undefined) break
    text = text.slice(0, forgotten.at) + forgotten.closers + text.slice(forgotten.at)
  }
  return text
}

function firstForgotten(cursor: Cursor, text: string): { at: number; closers: string } | undefined {
  const scanner = cursor.scanner.clone()
  const whole = cursor.head + text
  const offset = -cursor.head.length
  let found: { at: number; top: Frame; closers: string } | undefined
  for (let token = scanner.next(whole, offset, true); token !== undefined; token = scanner.next(whole, offset, true)) {
    if (found !== undefined && token.type === 'close') {
      if (token.mismatched === true) return found
      // It was not forgotten: an odd macro, say.
      if (token.frame === found.top) found = undefined
    } else if (found === undefined && token.type === 'punctuation' && token.text === ';' && token.start >= 0) {
      const { top } = scanner
      const closers = top === undefined ? '' : closersOf(cursor, top)
      if (closers !== '') found = { at: token.start, top: top!, closers }
    }
  }
  return found
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
