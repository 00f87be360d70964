import { columnOf, indentationOf, type Cursor } from './cursor.js'

/** How a file writes its indentation and line ends. */
interface FileStyle {
  readonly tabs: boolean | undefined
  /** Spaces of one step. */
  readonly step: number
  readonly lineEnd: '\n' | '\r\n'
}

/** Lines beyond this tell nothing new. */
const linesRead = 2_000

/** The commonest step from line to line. */
function stepOf(indents: readonly number[]): number {
  const counts = new Map<number, number>()
  let previous = 0
  for (const indent of indents) {
    const step = Math.abs(indent - previous)
    if (step > 1 && step <= 8) counts.set(step, (counts.get(step) ?? 0) + 1)
    previous = indent
  }
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? 4
}

/**
 * The spaces of a completion's own step, for a file that is indented by tabs: told by its first line that is indented, so that lines to come
 * do not change those before.
 */
function ownStep(text: string, starts: readonly number[], cursor: Cursor): number {
  let above = starts[0] === 0 ? lineAbove(cursor) : `${cursor.line}${text.slice(0, starts[0])}`
  let depth = tabsOf(above)
  for (const [index, start] of starts.entries()) {
    const line = text.slice(start, starts[index + 1])
    if (line.trim() === '') continue
    const spaces = /^ */.exec(line)![0].length
    if (spaces === 0) depth = tabsOf(line)
    else {
      if (opensBlock.test(above.replace(/\s+(?:\/\/|#).*/, ''))) depth++
      if (/^\s*[)\]}]/.test(line)) depth--
      const step = spaces / depth
      return Number.isInteger(step) && step >= 2 && step <= 8 ? step : spaces % 4 === 0 ? 4 : spaces % 2 === 0 ? 2 : spaces % 3 === 0 ? 3 : 4
    }
    above = line
  }
  return 4
}

/** A line that ends in an opening bracket, a colon or an opening tag. */
const opensBlock = /(?:[([{:]|<[\w.]*(?:\s[^<>]*)?[^/]>)\s*$/

function tabsOf(line: string): number {
  return /^\t*/.exec(line)![0].length
}

/** The last line above the cursor's on which there is something. */
function lineAbove({ prefix, line }: Cursor): string {
  const above = prefix.slice(0, prefix.length - line.length).trimEnd()
  return above.slice(above.lastIndexOf('\n') + 1)
}

function spacesOf(lines: readonly string[]): number[] {
  return lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length)
}

function styleOf({ prefix, suffix }: Cursor): FileStyle {
  const text = prefix.slice(-100_000) + suffix.text.slice(0, 100_000)
  const lines = text.split('\n', linesRead)
  const tabs = lines.filter((line) => line.startsWith('\t')).length
  const spaces = lines.filter((line) => line.startsWith('  ')).length
  return { tabs: tabs === spaces ? undefined : tabs > spaces, step: stepOf(spacesOf(lines)), lineEnd: /\r\n/.test(text) ? '\r\n' : '\n' }
}

/** The column the cursor's line ought to begin in, as far as the line above tells. */
function expectedColumn(cursor: Cursor, step: number): number {
  const { last, final, scanner, tabWidth } = cursor
  if (last === undefined) return 0
  const opens = last.type === 'open' || (scanner.lexis.syntax === 'indentation' && final.lines.afterHeader)
  return columnOf(indentationOf(lineAbove(cursor)), tabWidth) + (opens ? step : 0)
}

/**
 * A completion with the file's own indentation and line ends. `starts` are where its lines begin, less those inside strings.
 * White space before its first word goes where the cursor's line is indented already.
 */
export function inStyle(text: string, starts: readonly number[], cursor: Cursor): string {
  const style = styleOf(cursor)
  let first = 0
  if (cursor.line !== '' && cursor.line.trim() === '') {
    const written = indentationOf(text)
    if (written !== '' && written.length < text.length && !/^[\r\n]/.test(text.slice(written.length))) {
      const expected = expectedColumn(cursor, style.tabs === true ? cursor.tabWidth : style.step)
      const own = columnOf(written, cursor.tabWidth)
      // Either it repeats what is there, or it adds to it: to what, the lines around tell.
      if (cursor.column + own !== expected && (cursor.column === expected || own >= expected)) first = written.length
    }
  }
  const parts: string[] = []
  let from = first
  const own = cursor.line === '' && !/^(?:string|comment)$/.test(cursor.top?.kind ?? '') ? [0, ...starts] : starts
  const step = style.tabs === true ? ownStep(text, own, cursor) : style.step
  for (const start of own) {
    if (start < from) continue
    const indentation = indentationOf(text.slice(start, start + 1_000))
    parts.push(text.slice(from, start), reindented(indentation, style, step))
    from = start + indentation.length
  }
  parts.push(text.slice(from))
  return parts.join('').replaceAll(/\r?\n/g, style.lineEnd)
}

function reindented(indentation: string, { tabs, step }: FileStyle, own: number): string {
  if (tabs === true && /^ {2}/.test(indentation)) {
    const spaces = indentation.length
    return indentation.includes('\t') ? indentation : '\t'.repeat(Math.floor(spaces / own)) + ' '.repeat(spaces % own)
  }
  if (tabs === false && indentation.includes('\t')) return indentation.replaceAll('\t', ' '.repeat(step))
  return indentation
}
