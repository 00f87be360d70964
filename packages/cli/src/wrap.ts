import { graphemes, textWidth } from './text-width.js'

/** A run of text, and how it is painted. */
export interface Span {
  readonly text: string
  readonly paint: (text: string) => string
}

interface Piece extends Span {
  /** Whether it is a space, which a line may end at. */
  readonly space: boolean
  readonly width: number
}

/** Punctuation that may not begin a line (JIS X 4051's shortest list). */
const closing = /^[、。，．：；？！）」』】》〉”’…—]/u
/** After these a space is drawn already. */
const fullStop = /^[。！？；：，、」』】》]/u
const breakable = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u

/**
 * Breaks painted text into lines of at most `width` columns: between words, and between the characters of scripts
 * that have no spaces. White space, line breaks among it, becomes one space, and none
 * after full-width punctuation.
 */
export function wrap(spans: readonly Span[], width: number): string[] {
  const lines: Piece[][] = [[]]
  let used = 0
  for (const word of words(spans.flatMap(pieces))) {
    const wordWidth = word.reduce((sum, { width }) => sum + width, 0)
    if (word[0]!.space) {
      if (used === 0) continue
    } else if (used > 0 && used + wordWidth > width) {
      lines.push([])
      used = 0
    }
    for (const piece of word) {
      // A word longer than a line is cut where the line ends.
      if (used > 0 && used + piece.width > width && !piece.space) {
        lines.push([])
        used = 0
      }
      lines.at(-1)!.push(piece)
      used += piece.width
    }
  }
  return lines.map(paintLine).filter((line, index, all) => line !== '' || all.length === 1 || index === 0)
}

/** Grapheme by grapheme, so that a span may end inside a word. */
function pieces({ text, paint }: Span): Piece[] {
  return graphemes(text.replace(/\s+/g, ' ')).map((cluster) => ({ text: cluster, paint, space: cluster === ' ', width: textWidth(cluster) }))
}

/** What must stay together on a line. */
function words(pieces: readonly Piece[]): Piece[][] {
  const result: Piece[][] = []
  for (const piece of pieces) {
    const last = result.at(-1)
    const before = last?.at(-1)
    if (piece.space && (before === undefined || before.space || fullStop.test(before.text))) continue
    const joined = before !== undefined && !before.space && !piece.space && (closing.test(piece.text) || (!breakable.test(before.text) && !breakable.test(piece.text)))
    if (joined) last!.push(piece)
    else result.push([piece])
  }
  return result
}

/** Neighbours of one colour are painted at once; spaces at the end are left out. */
function paintLine(line: readonly Piece[]): string {
  const end = line.findLastIndex(({ space }) => !space) + 1
  const runs: { text: string; paint: Span['paint'] }[] = []
  for (const { text, paint } of line.slice(0, end)) {
    const last = runs.at(-1)
    if (last?.paint === paint) last.text += text
    else runs.push({ text, paint })
  }
  return runs.map(({ text, paint }) => paint(text)).join('')
}
