import { padEnd, textWidth } from './text-width.js'
import { wrap } from './wrap.js'

const GAP = 2
const INDENT = 2

/** Fewer columns are no room for a cell that wraps: it stands in lines of its own then, below the others. */
const NARROWEST = 24

/**
 * Rows as aligned lines. All cells but the last keep to one line; the last is wrapped under itself, so that the lines
 * fit the width; where little of it is left, below the others.
 */
export function table(rows: readonly (readonly string[])[], width: number): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(0, ...rows.map((row) => (column < row.length - 1 ? textWidth(row[column]!) : 0))))
  return rows.flatMap((row) => {
    const before = row.slice(0, -1).map((cell, column) => padEnd(cell, widths[column]! + GAP)).join('')
    const last = row.at(-1) ?? ''
    const room = width - INDENT - textWidth(before)
    if (room < NARROWEST && textWidth(last) > room) {
      const below = ' '.repeat(2 * INDENT)
      return [...(before === '' ? [] : [`${' '.repeat(INDENT)}${before}`.trimEnd()]), ...wrapCell(last, Math.max(NARROWEST, width - below.length)).map((line) => below + line)]
    }
    const [first = '', ...rest] = wrapCell(last, room)
    return [`${' '.repeat(INDENT)}${before}${first}`.trimEnd(), ...rest.map((line) => ' '.repeat(INDENT + textWidth(before)) + line)]
  })
}

/** A painted cell that fits is left as it is. */
const wrapCell = (cell: string, room: number): string[] => (textWidth(cell) <= room ? [cell] : wrap([{ text: cell, paint: String }], room))
