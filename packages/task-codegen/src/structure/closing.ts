import { columnOf, type Cursor, indentationOf } from './cursor.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame } from './scanner/token.js'
import { closedBy } from './suffix.js'
import { blockAround, type Target } from './target.js'

/**
 * What closes the brackets and strings that the completion opened and nothing closes, and where a block was to be written to its end, that
 * and what stands between it and the block around it.
 * @param scanner as it stands behind the completion.
 */
export function missing(cursor: Cursor, text: string, scanner: Scanner, target: Target | undefined): string {
  const closers = cursor.suffix.closersBehind(scanner)
  const closed = closedBy(closers, scanner.top)
  const outermost = target?.kind === 'block' && text.trim() !== '' && closesAround(cursor, closers.length, closed, scanner.top) ? blockAround(target.frame.parent)?.depth ?? 0 : Infinity
  const parts: string[] = []
  const lastBreak = text.lastIndexOf('\n')
  let line: number | undefined
  // Behind a comment that the line's end closes nothing is read.
  const inComment = scanner.top?.kind === 'line' && !scanner.top.escapes
  for (let frame = scanner.top; frame !== undefined && frame.depth > closed; frame = frame.parent) {
    if (frame.at < 0 && (frame.depth <= outermost || holdsNext(cursor, frame))) break
    if (frame.kind === 'line') continue
    const written = parts.length === 0 ? begun(text, frame) : 0
    if (written > 0) {
      parts.push(frame.closer.slice(written))
      continue
    }
    if (frame.kind === 'string' || frame.kind === 'comment' || frame.at > lastBreak || (lastBreak < 0 && lineStartOf(cursor, text, frame) === -cursor.line.length)) {
      // A body on one line has a space at its end, if it has one at its beginning.
      const spaced = frame.at < 0 && frame.block && /\s/.test(`${cursor.prefix}${text}`[cursor.prefix.length + frame.at + 1]!)
      if (parts.length === 0 && inComment) parts.push(`\n${indentationAt(cursor, text, lastBreak < 0 ? -cursor.line.length : lastBreak + 1)}${frame.closer}`)
      else parts.push(frame.kind === 'comment' || spaced ? ` ${frame.closer}` : frame.closer)
      continue
    }
    // On a line of its own, unless what was opened on the same line has one.
    const lineStart = lineStartOf(cursor, text, frame)
    parts.push(lineStart === line ? frame.closer : `\n${indentationAt(cursor, text, lineStart)}${frame.closer}`)
    line = lineStart
  }
  return parts.join('')
}

/** How much of its closer stands at the end of the text already: two of three quotes, a tag without its bracket. */
function begun(text: string, { at, closer, kind }: Frame): number {
  if (kind === 'comment') return /\s\*$/.test(text) ? 1 : 0 // not the second asterisk that it opens with
  const inside = at < 0 ? text : text.slice(at).replace(/^\w*/, '').slice(closer.length) // the quotes that open a string are not those that close it
  for (let length = closer.length - 1; length > 0; length--) if (inside.endsWith(closer.slice(0, length))) return length
  return 0
}

/** Whether brackets that stand before the cursor may be closed at it: not where the suffix closes others inside them. */
function closesAround({ suffix }: Cursor, closers: number, closed: number, top: Frame | undefined): boolean {
  let matched = 0
  for (let frame = top; frame !== undefined; frame = frame.parent) if (frame.kind !== 'line' && frame.depth <= closed) matched++
  return !suffix.midLine && matched === closers
}

/** Whether the next line, by its indentation, is in a bracket that stands before the cursor. */
function holdsNext(cursor: Cursor, frame: Frame): boolean {
  const { suffix, tabWidth } = cursor
  const own = indentationAt(cursor, '', lineStartOf(cursor, '', frame))
  return suffix.nextLine !== '' && columnOf(indentationOf(suffix.nextLine), tabWidth) > columnOf(own, tabWidth)
}

/** Where the line begins in which something was opened; the cursor's own, where it began before it. */
function lineStartOf({ prefix, line }: Cursor, text: string, { at }: Frame): number {
  if (at < 0) return prefix.lastIndexOf('\n', prefix.length + at - 1) + 1 - prefix.length
  const lineBreak = at === 0 ? -1 : text.lastIndexOf('\n', at - 1)
  return lineBreak < 0 ? -line.length : lineBreak + 1
}

function indentationAt({ prefix, line }: Cursor, text: string, lineStart: number): string {
  if (lineStart > 0) return indentationOf(text.slice(lineStart))
  return lineStart === -line.length ? indentationOf(line) : indentationOf(prefix.slice(lineStart))
}
