import type { CodeLanguage } from './language.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame, Token } from './scanner/token.js'

/** What follows the cursor. */
export interface Suffix {
  readonly text: string
  /** Up to the end of the cursor's line. */
  readonly rest: string
  /** There is code on the cursor's line, not only what an editor put there itself: closing brackets, quotes, a semicolon. */
  readonly midLine: boolean
  /** The first line below the cursor's that is not blank, with its indentation; '' for none. */
  readonly nextLine: string
  /** What it closes and did not open, in its order. */
  readonly closers: readonly string[]
  /** The same behind a completion, which may have opened a comment, a string or an element whose rest stands there. @param scanner as it stands behind the completion. */
  closersBehind(scanner: Scanner): readonly string[]
}

/** Farther than this nobody looks for what a bracket at the cursor is closed by. */
const longest = 200_000

interface Closers {
  readonly closers: readonly string[]
  /** What is odd about this reading: brackets that do not match, strings without an end. */
  readonly doubts: number
}

function closersOf(scanner: Scanner, text: string): Closers {
  const copy = scanner.clone()
  const start = copy.position
  const closers: string[] = []
  let doubts = 0
  const own = (frame: Frame | undefined) => frame !== undefined && frame.at >= start
  for (let token = copy.next(text, start, true); token !== undefined; token = copy.next(text, start, true)) {
    if (token.mismatched === true || endsComment(token, text[token.end - start]) || opensInTag(token)) doubts++
    if ((token.type === 'string' || (token.type === 'comment' && token.frame?.kind === 'comment')) && token.frame !== undefined && !own(token.frame) && token.mismatched !== true) closers.push(token.frame.closer)
    else if (token.type === 'close' && !own(token.frame)) closers.push(token.frame?.kind === 'element' || token.text.startsWith('</') ? token.text.replaceAll(/\s/g, '') : token.text)
  }
  let top = copy.top
  while (top !== undefined && top.kind !== 'string' && top.kind !== 'comment') top = top.parent
  // A string left open to the end of the file outweighs all else.
  return { closers, doubts: doubts + (top === undefined ? 0 : 1_000) }
}

/** No operator is written so: what was read as code is the end of a comment. */
function endsComment(token: Token, next: string | undefined): boolean {
  return token.type === 'punctuation' && token.text.endsWith('*') && next === '/'
}

/** One tag does not begin within another. */
function opensInTag(token: Token): boolean {
  return token.type === 'text' && token.text.startsWith('<')
}

/** What is open holds text that code is not told from by itself. */
function holdsText({ kind, multiline }: Frame): boolean {
  return kind === 'comment' || kind === 'element' || kind === 'tag' || (kind === 'string' && multiline)
}

/** What a text closes behind a completion, where that is another reading than at the cursor. @param inText The cursor stands in no code. */
function readings(text: string, atCursor: Closers, inText: boolean): (scanner: Scanner) => readonly string[] {
  const known = new Map<string, readonly string[]>()
  return (scanner) => {
    const { top } = scanner
    if (top === undefined || !(holdsText(top) ? mayEnd(top, text) : inText)) return atCursor.closers
    const key = openIn(top).join(' ')
    let closers = known.get(key)
    if (closers === undefined) {
      const behind = closersOf(scanner, text)
      closers = behind.doubts < atCursor.doubts || (behind.doubts === atCursor.doubts && !holdsText(top)) ? behind.closers : atCursor.closers
      known.set(key, closers)
    }
    return closers
  }
}

/** Whether what a completion opened may end in the text behind it. */
function mayEnd(top: Frame, text: string): boolean {
  if (top.at < 0) return false
  const end = text.indexOf(top.kind === 'tag' ? '>' : top.closer)
  // Where another comment begins before, it is that which ends there.
  return end >= 0 && !(top.kind === 'comment' && text.slice(0, end).includes('/*'))
}

function openIn(top: Frame | undefined): string[] {
  const open: string[] = []
  for (let frame = top; frame !== undefined; frame = frame.parent) open.push(frame.closer)
  return open
}

/**
 * What may be at its end already: any later string's quote looks like the end of a string of many lines, any bracket like a tag's, and what
 * is open within the braces of a string makes its quote another string's. The reading in which more fits together is the likelier.
 */
function doubtful(top: Frame | undefined): Frame | undefined {
  if (top === undefined || (top.kind === 'string' && top.multiline) || top.kind === 'tag') return top
  let frame: Frame | undefined = top
  while (frame?.parent !== undefined && frame.parent.kind !== '${') frame = frame.parent
  return frame?.parent?.parent?.interpolates === '{' ? frame : undefined
}

/** @param scanner as it stands at the cursor: it is at 0, and has read all before. */
export function readSuffix(scanner: Scanner, text: string, language: CodeLanguage | undefined): Suffix {
  const lineEnd = /\r?\n/.exec(text)
  const rest = lineEnd === null ? text : text.slice(0, lineEnd.index)
  const nextLine = (lineEnd === null ? '' : text.slice(lineEnd.index)).match(/^[^\S\n]*\S[^\n]*/m)?.[0]?.trimEnd() ?? ''
  const read = text.slice(0, longest)
  let chosen = closersOf(scanner, read)
  const { top } = scanner
  const doubted = doubtful(top)
  if (doubted !== undefined) {
    const other = closersOf(scanner.outside(doubted), read)
    if (other.doubts < chosen.doubts || (doubted.kind === 'string' && !chosen.closers.includes(doubted.closer))) chosen = other
  }
  const midLine = /[^\s)\]}>;,:'"`/]/.test(language === 'python' ? rest.replace(/\s*#.*/, '') : rest.replace(/\s*\/\/.*/, ''))
  return { text, rest, nextLine, midLine, closers: chosen.closers, closersBehind: readings(read, chosen, top !== undefined && (holdsText(top) || top.kind === 'string')) }
}

/** A tag may end with its element. */
function isCloser(closer: string, frame: Frame): boolean {
  return closer === frame.closer || (frame.kind === 'tag' && closer === `</${frame.name}>`)
}

/** Of the frames that are open, how many the suffix closes: it closes the outermost. */
export function closedBy(closers: readonly string[], top: Frame | undefined): number {
  const open: Frame[] = []
  for (let frame = top; frame !== undefined; frame = frame.parent) if (frame.kind !== 'line') open.push(frame)
  open.reverse()
  let count = 0
  while (count < closers.length && count < open.length && isCloser(closers[closers.length - 1 - count]!, open[count]!)) count++
  return open[count - 1]?.depth ?? 0
}
