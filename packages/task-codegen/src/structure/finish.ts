import { type Cursor, indentationOf } from './cursor.js'
import { inStyle } from './indentation.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame } from './scanner/token.js'
import { closedBy } from './suffix.js'

interface Reading {
  readonly scanner: Scanner
  /** Where lines begin, less those inside strings. */
  readonly starts: readonly number[]
  /** Brackets that close nothing. */
  readonly unmatched: number
}

export function readCompletion(cursor: Cursor, text: string): Reading {
  const scanner = cursor.scanner.clone()
  const whole = cursor.head + text
  const offset = -cursor.head.length
  const starts: number[] = []
  let unmatched = 0
  for (let token = scanner.next(whole, offset, true); token !== undefined; token = scanner.next(whole, offset, true)) {
    if (token.type === 'newline' && token.end > 0) starts.push(token.end)
    else if (token.type === 'comment') for (let i = token.text.indexOf('\n'); i >= 0; i = token.text.indexOf('\n', i + 1)) starts.push(token.end - token.text.length + i + 1)
    else if (token.type === 'close' && token.frame === undefined) unmatched++
  }
  return { scanner, starts, unmatched }
}

/** Nobody writes a longer line; machines do. */
const longestOverlap = 1_000

/** A completion must not end in what follows it. @param prose It is within a string or a comment. */
function withoutOverlap(text: string, rest: string, prose: boolean): string {
  const most = Math.min(text.length, rest.length, longestOverlap)
  for (let length = most; length > 0; length--) {
    const piece = rest.slice(0, length)
    if (piece.trim() === '' || !text.endsWith(piece)) continue
    const before = text[text.length - length - 1]
    // The end of a longer word is no repetition, and neither is a bracket that closes one of the completion's own.
    if (before !== undefined && /\w/.test(before) && /\w/.test(piece[0]!)) continue
    // What is all of the rest, or prose, is the same whatever it closes.
    if (!balanced(piece) && !((prose || length >= rest.trimEnd().length) && /^\s*[^\s\])}]/.test(piece) && /\w\w/.test(piece))) continue
    return text.slice(0, -length)
  }
  return text
}

function balanced(piece: string): boolean {
  let depth = 0
  let quote = ''
  for (const character of piece) {
    if ('"\'`'.includes(character)) {
      if (quote === '') quote = character
      else if (quote === character) quote = ''
    } else if (quote !== '') continue
    else if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character) && --depth < 0) return false
  }
  return depth >= 0 && quote === ''
}

/** Brackets and strings the completion opened and nothing closes. */
function missing(cursor: Cursor, text: string, top: Frame | undefined): string {
  const closed = closedBy(cursor.suffix.closers, top)
  const parts: string[] = []
  const lastBreak = text.lastIndexOf('\n')
  let line: number | undefined
  for (let frame = top; frame !== undefined && frame.at >= 0 && frame.depth > closed; frame = frame.parent) {
    if (frame.kind === 'line') continue
    if (frame.kind === 'string' || frame.kind === 'comment' || frame.at > lastBreak) {
      parts.push(frame.kind === 'comment' ? ` ${frame.closer}` : frame.closer)
      continue
    }
    // On a line of its own, unless what was opened on the same line has one.
    const lineStart = frame.at === 0 ? 0 : text.lastIndexOf('\n', frame.at - 1) + 1
    const indentation = indentationOf(lineStart === 0 ? cursor.line : text.slice(lineStart, frame.at))
    parts.push(lineStart === line ? frame.closer : `\n${indentation}${frame.closer}`)
    line = lineStart
  }
  return parts.join('')
}

/** A completion that was cut where it ends, made to fit: see Structure.finish. */
export function fit(cursor: Cursor, cut: string): string {
  const { rest, text: suffix } = cursor.suffix
  let text = cut
  if (rest.trim() !== '') text = withoutOverlap(text, rest, /^(?:string|comment|line)$/.test(cursor.top?.kind ?? ''))
  const inString = readCompletion(cursor, text).scanner.top?.kind === 'string'
  if (!inString) {
    const trimmed = text.trimEnd()
    // Space before code that follows on the line separates it; a line break before the brace that closes the block keeps it on a line of its own.
    const separates = rest !== '' && /^[^\s)\]};,]/.test(rest) && !/[\r\n]/.test(text.slice(trimmed.length))
    if (!separates) text = trimmed
  }
  if (/^[\]})]/.test(suffix) && cut.length > text.length && text.includes('\n') && /\n[^\S\n]*$/.test(cut)) text += cut.slice(cut.lastIndexOf('\n'))
  const { scanner, starts } = readCompletion(cursor, text)
  const closing = missing(cursor, text, scanner.top)
  if (closing === '') return inStyle(text, starts, cursor)
  const whole = text.trimEnd() + closing
  return inStyle(whole, readCompletion(cursor, whole).starts, cursor)
}
