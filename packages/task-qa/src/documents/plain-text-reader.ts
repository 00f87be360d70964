import { sliceMapped, trimMapped, verbatim, type MappedText } from './mapped-text.js'
import type { Block, Reader } from './reader.js'

/** Lines wrapped by hand or by an editor are between these widths: 72 and 80 are the customs. */
const narrowestWrap = 40
const widestWrap = 120

interface Line {
  readonly from: number
  readonly to: number
}

function linesOf(text: string): Line[] {
  return [...text.matchAll(/[^\r\n\u2028\u2029]+/g)].map(({ 0: line, index }) => ({ from: index, to: index + line.length }))
}

/**
 * Whether a line end is only the wrap of a paragraph: the next line's first word (in scripts without spaces, its
 * first character) would have gone past the widest line.
 */
function isWrapped(text: string, line: Line, next: Line, width: number): boolean {
  if (width < narrowestWrap || width > widestWrap) return false
  const following = text.slice(next.from, next.to)
  if (/^\s*([-*•·–]|\d+[.)、])\s/.test(following)) return false
  const first = /^\s*(?:[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}]|\S+)/u.exec(following)?.[0].trimStart() ?? ''
  return line.to - line.from + 1 + first.length > width
}

/** Paragraphs of a text: apart at empty lines and at line ends that are no mere wrapping. */
export function paragraphsOf(mapped: MappedText): MappedText[] {
  const { text } = mapped
  const paragraphs: MappedText[] = []
  for (const chunk of text.matchAll(/\S(?:[^\r\n]|(?:\r\n|\r|\n)(?![^\S\r\n]*(?:[\r\n]|$)))*/g)) {
    const lines = linesOf(chunk[0])
    const width = Math.max(...lines.map(({ from, to }) => to - from))
    let from = 0
    lines.forEach((line, index) => {
      const next = lines[index + 1]
      if (next !== undefined && isWrapped(chunk[0], line, next, width)) return
      const paragraph = trimMapped(sliceMapped(mapped, chunk.index + from, chunk.index + line.to))
      if (paragraph.text !== '') paragraphs.push(paragraph)
      from = next?.from ?? line.to
    })
  }
  return paragraphs
}

/** Plain text: paragraphs apart at empty lines; a line underlined with === or --- is a heading. */
export const plainText: Reader = {
  extensions: ['.txt', '.text'],
  read(content) {
    const text = content.text()
    const blocks: Block[] = []
    let headings: string[] = []
    for (const paragraph of paragraphsOf(verbatim(text, 0))) {
      const underline = /^([=-])\1{2,}$/.exec(paragraph.text)
      const previous = blocks.at(-1)
      if (underline !== null && previous !== undefined && blocks.length > 0) {
        blocks.pop()
        headings = underline[1] === '=' ? [previous.content.text] : [...headings.slice(0, 1), previous.content.text]
      } else if (underline === null) {
        blocks.push({ headings, content: paragraph })
      }
    }
    return { text, blocks }
  },
}
