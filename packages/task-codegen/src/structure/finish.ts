import { missing } from './closing.js'
import { beforeLine, type Cursor } from './cursor.js'
import { inStyle } from './indentation.js'
import type { Scanner } from './scanner/scanner.js'
import type { Target } from './target.js'

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
/** Within a string so many characters are the same by no chance, though they are brackets. */
const leastProse = 4

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
    const said = prose ? piece.trim().length >= leastProse || /\w\w/.test(piece) : length >= rest.trimEnd().length && /^\s*[^\s\])}]/.test(piece) && /\w\w/.test(piece)
    if (!balanced(piece) && !said) continue
    return text.slice(0, -length)
  }
  return text
}

/** A completion that reached the end of a string or a comment of many lines, without the lines between the cursor and that end. */
function withoutRest(text: string, { top, suffix }: Cursor): string {
  if (top?.kind !== 'comment' && !(top?.kind === 'string' && top.multiline)) return text
  const rest = suffix.text.slice(0, Math.max(0, suffix.text.indexOf(top.closer)))
  if (!rest.includes('\n')) return text
  const again = [rest, rest.replaceAll('\r\n', '\n')].find((each) => text.endsWith(each))
  return again === undefined ? text : text.slice(0, -again.length)
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

/** A completion without what stands behind the cursor already. */
function withoutRepetition(cursor: Cursor, completion: string): string {
  const { rest } = cursor.suffix
  const text = withoutRest(completion, cursor)
  return rest.trim() === '' ? text : withoutOverlap(text, rest, /^(?:string|comment|line)$/.test(cursor.top?.kind ?? ''))
}

/** A completion that was cut where it ends, made to fit: see Structure.finish. @param target What it ought to have written, if that is closed, too. */
export function fit(cursor: Cursor, cut: string, target: Target | undefined): string {
  const fitted = fitOnce(cursor, cut, target)
  if (fitted === cut || withoutRepetition(cursor, cut) !== cut) return fitted
  // What ended in white space, or was left open, may repeat what stands behind the cursor only now.
  const again = fitOnce(cursor, fitted, target)
  return again.length < fitted.length ? again : fitted
}

function fitOnce(cursor: Cursor, cut: string, target: Target | undefined): string {
  const { rest, text: suffix } = cursor.suffix
  let text = withoutRepetition(cursor, cut)
  const written = text
  const inString = readCompletion(cursor, text).scanner.top?.kind === 'string'
  if (!inString) {
    const trimmed = text.trimEnd()
    // Space before code that follows on the line separates it; a line break before the brace that closes the block keeps it on a line of its own.
    const separates = rest !== '' && /^[^\s)\]};,]/.test(rest) && !/[\r\n]/.test(text.slice(trimmed.length))
    if (!separates) text = trimmed
  }
  if (/^[\]})]/.test(suffix) && cut.length > text.length && text.includes('\n') && /\n[^\S\n]*$/.test(cut)) text += cut.slice(cut.lastIndexOf('\n'))
  const lineBreak = beforeLine(cursor) && text.trim() !== '' && /\n[^\S\n]*$/.test(written) ? `\n${cursor.line}` : ''
  const { scanner, starts } = readCompletion(cursor, text)
  const closing = missing(cursor, text, scanner, target)
  if (closing === '' && lineBreak === '') return inStyle(text, starts, cursor)
  const kept = text.trimEnd()
  // Half an escape would take the quote that closes its string.
  const half = closing !== '' && scanner.top?.kind === 'string' && scanner.top.escapes && /(?<!\\)(?:\\\\)*\\$/.test(kept)
  const whole = (half ? kept.slice(0, -1) : kept) + closing + lineBreak
  return inStyle(whole, readCompletion(cursor, whole).starts, cursor)
}
