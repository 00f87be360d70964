import { padEnd, textWidth } from './text-width.js'
import { wrap } from './wrap.js'

const GAP = 2
const INDENT = 2

/** Least columns that are left to a last cell which wraps, however narrow the terminal. */
const NARROWEST = 24

/**
 * Rows as aligned lines. All cells but the last keep to one line; the last is wrapped under itself, so that the lines
 * fit the width.
 */
export function table(rows: readonly (readonly string[])[], width: number): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(0, ...rows.map((row) => (column < row.length - 1 ? textWidth(row[column]!) : 0))))
  return rows.flatMap((row) => {
    const before = row.slice(0, -1).map((cell, column) => padEnd(cell, widths[column]! + GAP)).join('')
    const room = Math.max(NARROWEST, width - INDENT - textWidth(before))
    const [first = '', ...rest] = wrapCell(row.at(-1) ?? '', room)
    return [`${' '.repeat(INDENT)}${before}${first}`.trimEnd(), ...rest.map((line) => ' '.repeat(INDENT + textWidth(before)) + line)]
  })
}

/** A painted cell that fits is left as it is. */
const wrapCell = (cell: string, room: number): string[] => (textWidth(cell) <= room ? [cell] : wrap([{ text: cell, paint: String }], room))
