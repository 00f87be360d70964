import { UsageError } from './errors/usage-error.js'
import type { Place } from './locate.js'

/** `12:5` as a place; what follows the second number, such as a colon, is refused. */
export function parsePlace(text: string): Place {
  const match = /^(\d+):(\d+)$/.exec(text.trim())
  const [line, column] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || line < 1 || column < 1) throw new UsageError({ message: `'${text}' is no place in a file`, remedy: 'Give line and column, both from 1: --at 12:5' })
  return { line, column }
}

/**
 * The offset of a place, in UTF-16 code units, which columns count too: a tab is one, and an emoji two, as in editors. A line's last
 * column is the one behind its text, before its end.
 * @throws UsageError where the text has no such place.
 */
export function offsetOf(text: string, { line, column }: Place): number {
  let [start, number] = [0, 1]
  for (const { 0: end, index } of text.matchAll(/\r\n|\n|\r/g)) {
    if (number === line) return within(text, start, index, { line, column })
    start = index + end.length
    number++
  }
  if (number === line) return within(text, start, text.length, { line, column })
  throw new UsageError({ message: `There is no line ${line}: the text has ${number}`, remedy: `The last place is ${number}:${text.length - start + 1}` })
}

function within(text: string, start: number, end: number, { line, column }: Place): number {
  const offset = start + column - 1
  if (offset > end) throw new UsageError({ message: `Line ${line} has no column ${column}`, remedy: `Its end is ${line}:${end - start + 1}; columns count UTF-16 code units from 1` })
  if (/^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(offset - 1, offset + 1)) && offset > start) throw new UsageError({ message: `${line}:${column} is within a character`, remedy: `Give ${line}:${column - 1} or ${line}:${column + 1}: columns count UTF-16 code units, of which this character has two` })
  return offset
}

export interface Divided {
  readonly prefix: string
  readonly suffix: string
}

/**
 * The text before the cursor and behind it.
 * @param marker Stands at the cursor, once, and is no part of the text.
 * @throws UsageError
 */
export function divide(text: string, { at, marker }: { readonly at?: Place | undefined; readonly marker?: string | undefined }): Divided {
  if (at !== undefined && marker !== undefined) throw new UsageError({ message: 'A place and a marker were given', remedy: 'Leave one of them out' })
  if (marker === undefined) {
    const offset = at === undefined ? text.length : offsetOf(text, at)
    return { prefix: text.slice(0, offset), suffix: text.slice(offset) }
  }
  const [prefix, suffix, ...others] = marker === '' ? [] : text.split(marker)
  if (prefix === undefined || suffix === undefined || others.length > 0) throw new UsageError({ message: marker === '' ? 'The marker is empty' : `The marker '${marker}' is ${suffix === undefined ? 'not there' : `there ${others.length + 1} times`}`, remedy: 'Write it once, where the cursor is' })
  return { prefix, suffix }
}
