import type { Channel } from './terminal.js'
import { padStart, truncate } from './text-width.js'

/** Cosine similarities of all pairs, row by row. */
export function similarities(vectors: readonly Float32Array[]): number[][] {
  const norms = vectors.map((vector) => Math.hypot(...vector))
  return vectors.map((a, i) => vectors.map((b, j) => dot(a, b) / (norms[i]! * norms[j]! || 1)))
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!
  return sum
}

type Style = Pick<Channel, 'colors' | 'width'>

const CELL = 7
/** Columns that a text needs at least to be recognised. */
const TEXT = 20
/** Pairs that are listed where a matrix is too wide. */
const PAIRS = 20

/** A matrix with the texts beside it, or the closest pairs where that is too wide. */
export function renderSimilarities(texts: readonly string[], matrix: readonly (readonly number[])[], style: Style): string[] {
  const label = String(texts.length).length + 2
  const room = style.width - label - texts.length * CELL - 2
  return room >= TEXT ? renderMatrix(texts, matrix, label, room, style) : renderPairs(texts, matrix, style)
}

function renderMatrix(texts: readonly string[], matrix: readonly (readonly number[])[], label: number, room: number, style: Style): string[] {
  const { colors } = style
  const numbers = texts.map((_, index) => String(index + 1))
  const header = ' '.repeat(label) + numbers.map((number) => padStart(number, CELL)).join('')
  const rows = texts.map((text, row) => {
    const cells = matrix[row]!.map((value, column) => (row === column ? colors.dim(padStart('·', CELL)) : shade(value, padStart(value.toFixed(2), CELL), style)))
    return `${colors.dim(padStart(numbers[row]!, label))}${cells.join('')}  ${truncate(text, room)}`
  })
  return [colors.dim(header), ...rows]
}

function renderPairs(texts: readonly string[], matrix: readonly (readonly number[])[], style: Style): string[] {
  const pairs = texts.flatMap((_, i) => texts.slice(i + 1).map((_, offset) => ({ i, j: i + 1 + offset, value: matrix[i]![i + 1 + offset]! })))
  pairs.sort((a, b) => b.value - a.value)
  const room = Math.floor((style.width - CELL - 5) / 2)
  const shown = pairs.slice(0, PAIRS).map(({ i, j, value }) => `${shade(value, padStart(value.toFixed(2), CELL - 1), style)}  ${truncate(texts[i]!, room)}${style.colors.dim(' ~ ')}${truncate(texts[j]!, room)}`)
  const more = pairs.length > PAIRS ? [style.colors.dim(`  the closest ${PAIRS} of ${pairs.length} pairs; --json has all`)] : []
  return [...shown, ...more]
}

/** Close pairs stand out, and unrelated ones step back. */
function shade(value: number, text: string, { colors }: Style): string {
  if (value >= 0.5) return colors.bold(colors.green(text))
  return value < 0.3 ? colors.dim(text) : text
}
