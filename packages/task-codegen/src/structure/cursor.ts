import type { CodeLanguage } from './language.js'
import { LogicalLines } from './logical-lines.js'
import { Scanner } from './scanner/scanner.js'
import type { Frame, Token } from './scanner/token.js'
import { closedBy, readSuffix, type Suffix } from './suffix.js'

/** Where the completion goes: what is open there, what was written last, what follows. */
export interface Cursor {
  readonly language: CodeLanguage | undefined
  readonly prefix: string
  readonly suffix: Suffix
  /** What the scanner left unread before the cursor, since what follows may belong to it; it stands there. */
  readonly head: string
  readonly scanner: Scanner
  readonly lines: LogicalLines
  /** As if the prefix were the whole text. */
  readonly top: Frame | undefined
  readonly last: Token | undefined
  readonly lineFirst: Token | undefined
  /** Only white space follows `last` on its line, and a line break. */
  readonly broken: boolean
  /** The frames down to this depth are closed behind the cursor, and not by the completion. */
  readonly closed: number
  /** The cursor's line, as far as it goes. */
  readonly line: string
  /** Its columns of white space, and the cursor's own column. */
  readonly indentation: number
  readonly column: number
  readonly tabWidth: number
  /** What would close all that is open. */
  readonly closing: string
  /** The readers' states as if the prefix were the whole text: `scanner` and `lines` wait with a word that may grow. */
  readonly final: { readonly scanner: Scanner; readonly lines: LogicalLines }
}

/** Tabs reach to the next multiple of their width. */
export function columnOf(text: string, tabWidth: number): number {
  let column = 0
  for (const character of text) column = character === '\t' ? column - (column % tabWidth) + tabWidth : column + 1
  return column
}

export function indentationOf(line: string): string {
  return /^[^\S\r\n]*/.exec(line)![0]
}

/** Whether the cursor stands at the beginning of a line that is written already. */
export function beforeLine({ line, suffix, top }: Cursor): boolean {
  return line.trim() === '' && suffix.midLine && top?.kind !== 'string' && top?.kind !== 'comment'
}

export function cursorAt({ prefix, suffix, language }: { prefix: string; suffix: string; language: CodeLanguage | undefined }): Cursor {
  const offset = -prefix.length
  // In a file that is indented by tabs alone any width will do: that of a model that writes spaces all the same. Otherwise Python's own.
  const tabWidth = /^\t/m.test(prefix) && !/^ {2}/m.test(prefix) ? 4 : 8
  const scanner = Scanner.at(offset, language, tabWidth)
  const lines = new LogicalLines()
  const read = (scanner: Scanner, lines: LogicalLines, final: boolean) => {
    for (let token = scanner.next(prefix, offset, final); token !== undefined; token = scanner.next(prefix, offset, final)) lines.observe(token, scanner)
  }
  read(scanner, lines, false)
  const head = prefix.slice(scanner.position - offset)
  const final = { scanner: scanner.clone(), lines: lines.clone() }
  read(final.scanner, final.lines, true)
  const { last, top, lineFirst } = final.scanner
  const line = prefix.slice(prefix.lastIndexOf('\n') + 1)
  const after = readSuffix(final.scanner, suffix, language)
  return {
    language,
    prefix,
    suffix: after,
    head,
    scanner,
    lines,
    top,
    last,
    lineFirst,
    broken: last !== undefined && prefix.slice(last.end + prefix.length).includes('\n'),
    closed: closedBy(after.closers, top),
    line,
    tabWidth,
    indentation: columnOf(indentationOf(line), tabWidth),
    column: columnOf(line, tabWidth),
    closing: final.scanner.closing(),
    final,
  }
}
