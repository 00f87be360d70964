import type { CodeLanguage } from './language.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame } from './scanner/token.js'

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
}

/** Farther than this nobody looks for what a bracket at the cursor is closed by. */
const longest = 200_000

/** `doubts` counts what is odd about this reading: brackets that do not match, strings without an end. */
function closersOf(scanner: Scanner, text: string): { closers: string[]; doubts: number } {
  const copy = scanner.clone()
  const closers: string[] = []
  let doubts = 0
  const own = (frame: Frame | undefined) => frame !== undefined && frame.at >= 0
  for (let token = copy.next(text, copy.position, true); token !== undefined; token = copy.next(text, 0, true)) {
    if (token.mismatched === true) doubts++
    if ((token.type === 'string' || (token.type === 'comment' && token.frame?.kind === 'comment')) && token.frame !== undefined && !own(token.frame) && token.mismatched !== true) closers.push(token.frame.closer)
    else if (token.type === 'close' && !own(token.frame)) closers.push(token.frame?.kind === 'element' || token.text.startsWith('</') ? token.text.replaceAll(/\s/g, '') : token.text)
  }
  let top = copy.top
  while (top !== undefined && top.kind !== 'string' && top.kind !== 'comment') top = top.parent
  // A string left open to the end of the file outweighs all else.
  return { closers, doubts: doubts + (top === undefined ? 0 : 1_000) }
}

/** @param scanner as it stands at the cursor: it is at 0, and has read all before. */
export function readSuffix(scanner: Scanner, text: string, language: CodeLanguage | undefined): Suffix {
  const lineEnd = /\r?\n/.exec(text)
  const rest = lineEnd === null ? text : text.slice(0, lineEnd.index)
  const nextLine = (lineEnd === null ? '' : text.slice(lineEnd.index)).match(/^[^\S\n]*\S[^\n]*/m)?.[0]?.trimEnd() ?? ''
  const read = text.slice(0, longest)
  const inside = closersOf(scanner, read)
  let { closers } = inside
  const { top } = scanner
  if (top?.kind === 'string' && top.multiline) {
    // Any later string's quote looks like this one's end. The reading in which more fits together is the likelier.
    const other = closersOf(scanner.outside(), read)
    if (!closers.includes(top.closer) || other.doubts < inside.doubts) closers = other.closers
  }
  return { text, rest, nextLine, midLine: /[^\s)\]}>;,:'"`/]/.test(language === 'python' ? rest.replace(/\s*#.*/, '') : rest.replace(/\s*\/\/.*/, '')), closers }
}

/** Of the frames that are open, how many the suffix closes: it closes the outermost. */
export function closedBy(closers: readonly string[], top: Frame | undefined): number {
  const open: Frame[] = []
  for (let frame = top; frame !== undefined; frame = frame.parent) if (frame.kind !== 'line') open.push(frame)
  open.reverse()
  let count = 0
  while (count < closers.length && count < open.length && open[count]!.closer === closers[closers.length - 1 - count]) count++
  return open[count - 1]?.depth ?? 0
}
