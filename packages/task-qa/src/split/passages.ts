import { isVerbatim, originalRange, sliceMapped, type MappedText, type Run } from '../documents/mapped-text.js'
import type { Block, ReadDocument } from '../documents/reader.js'
import { cutsOf, lengthOf } from './length.js'
import { linesOf, sentencesOf, type Range } from './sentences.js'

/** A sentence of a passage. `from` and `to` count in the passage's text, `start` and `end` in the document's. */
export interface Sentence {
  readonly text: string
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
  /** As of a mapped text, unless the sentence stands in the document as it is. */
  readonly runs?: readonly Run[]
}

/** What is indexed: some sentences under the same headings. */
export interface Piece {
  readonly headings: readonly string[]
  readonly text: string
  readonly start: number
  readonly end: number
  readonly sentences: readonly Sentence[]
}

/** In a row of a table the sentence after the first cell's begins with the mark between them. */
function withoutSeparator(text: string, { from, to }: Range): Range {
  const mark = /^\|\s+(?=\S)/.exec(text.slice(from, to))?.[0].length ?? 0
  return { from: from + mark, to }
}

/** Sentences of a block; one that is longer than the bound comes in parts. */
function rangesOf({ content, preformatted }: Block, bound: number): Range[] {
  const ranges = preformatted === true ? linesOf(content.text) : sentencesOf(content.text)
  return ranges.map((range) => withoutSeparator(content.text, range)).flatMap((range) => {
    const text = content.text.slice(range.from, range.to)
    if (lengthOf(text) <= bound) return [range]
    let from = 0
    return cutsOf(text, bound).flatMap((to) => {
      const part = text.slice(from, to)
      const trimmed = part.trim()
      const start = range.from + from + part.indexOf(trimmed)
      from = to
      return trimmed === '' ? [] : [{ from: start, to: start + trimmed.length }]
    })
  })
}

const sameHeadings = (one: readonly string[], other: readonly string[]) => one.length === other.length && one.every((heading, index) => heading === other[index])

/**
 * Packs a document's sentences into passages of at most `bound` units (see `lengthOf`). Blocks under the same
 * headings share a passage while they fit; a block that does not fit is divided evenly, between sentences.
 */
export function passagesOf({ blocks }: ReadDocument, bound: number): Piece[] {
  const passages: Piece[] = []
  let open: { headings: readonly string[]; sentences: Sentence[]; text: string; length: number } | undefined

  const close = () => {
    const first = open?.sentences[0]
    const last = open?.sentences.at(-1)
    if (open !== undefined && first !== undefined && last !== undefined) {
      // Only rows and labels of JSON could come out of order; offsets of a passage always enclose its sentences.
      const start = Math.min(...open.sentences.map((sentence) => sentence.start))
      const end = Math.max(...open.sentences.map((sentence) => sentence.end))
      passages.push({ headings: open.headings, text: open.text, start, end, sentences: open.sentences })
    }
    open = undefined
  }

  for (const block of blocks) {
    const ranges = rangesOf(block, bound)
    const lengths = ranges.map(({ from, to }) => lengthOf(block.content.text.slice(from, to)))
    const total = lengths.reduce((sum, length) => sum + length, 0)
    if (open !== undefined && (!sameHeadings(open.headings, block.headings) || open.length + total > bound)) close()
    // Even parts rather than a full one and a rest: a rest of one sentence has lost its context.
    const share = total / Math.ceil(total / bound)
    let fresh = true
    let filled = 0
    ranges.forEach((range, index) => {
      const length = lengths[index] as number
      if (open !== undefined && !fresh && (open.length + length > bound || (total > bound && filled + length / 2 > share))) {
        close()
        filled = 0
      }
      open ??= { headings: block.headings, sentences: [], text: '', length: 0 }
      // Between blocks a line end; between sentences what stands there, which is nothing in Chinese.
      const previous = fresh ? undefined : ranges[index - 1]
      const gap = open.text === '' ? '' : previous === undefined ? '\n' : block.content.text.slice(previous.to, range.from)
      const content: MappedText = sliceMapped(block.content, range.from, range.to)
      const from = open.text.length + gap.length
      open.sentences.push({ text: content.text, from, to: from + content.text.length, ...originalRange(block.content, range.from, range.to), ...(isVerbatim(content) ? {} : { runs: content.runs }) })
      open.text += gap + content.text
      open.length += length
      filled += length
      fresh = false
    })
  }
  close()
  return passages
}
