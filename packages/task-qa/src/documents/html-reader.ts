import { Parser } from 'htmlparser2'
import { HeadingPath } from './heading-path.js'
import { MappedTextBuilder, trimMapped } from './mapped-text.js'
import type { Block, Reader } from './reader.js'

/** Elements that begin and end a block, after the HTML standard's rendering section. */
const blockElements = new Set(
  ('address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer ' +
    'form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol p pre search section summary table tbody tfoot thead tr ul').split(' '),
)
/** Elements without prose of the page: code, forms, and menus that repeat on every page of a site. */
const hiddenElements = new Set('button canvas head iframe math nav noscript object option script select style svg template textarea title'.split(' '))

const headingDepth = (name: string) => (/^h[1-6]$/.test(name) ? Number(name[1]) : 0)

/** HTML pages: text as a browser would show it, blocks by element, headings from h1 to h6 and dt. */
export const html: Reader = {
  extensions: ['.html', '.htm', '.xhtml'],
  read(content) {
    const text = content.text()
    const blocks: Block[] = []
    const path = new HeadingPath()
    let builder = new MappedTextBuilder()
    let hidden: { name: string; depth: number } | undefined
    let preformatted = 0
    let afterBreak = false
    let row: { cells: number; headers: number } | undefined
    let rowDepth = 0
    let tableHeading: string | undefined
    let term: string | undefined

    const flush = () => {
      const content = trimMapped(builder.build())
      builder = new MappedTextBuilder()
      afterBreak = false
      return content
    }
    const emit = () => {
      const content = flush()
      if (content.text === '') return
      const headings = [...path.texts, ...(term === undefined ? [] : [term]), ...(tableHeading === undefined ? [] : [tableHeading])]
      blocks.push({ headings, content, ...(preformatted > 0 ? { preformatted: true } : {}) })
    }
    const space = (start: number, end: number) => {
      if (!builder.isEmpty && !builder.endsInSpace) builder.append(' ', start, end)
    }
    const boundary = (name: string) => {
      if (!blockElements.has(name)) return
      if (row === undefined) emit()
      else space(parser.startIndex, parser.startIndex)
    }

    const parser = new Parser(
      {
        onopentag(name, attributes) {
          if (hidden !== undefined || hiddenElements.has(name) || attributes['hidden'] !== undefined) {
            // Until the element that hides is closed only its nesting counts; void elements close at once.
            if (hidden === undefined) boundary(name)
            hidden ??= { name, depth: 0 }
            if (name === hidden.name) hidden.depth++
            return
          }
          if (name === 'tr') {
            rowDepth++
            if (rowDepth === 1) {
              emit()
              row = { cells: 0, headers: 0 }
            }
          } else if ((name === 'td' || name === 'th') && row !== undefined && rowDepth === 1) {
            builder.separate(parser.startIndex, parser.endIndex + 1)
            row.cells++
            if (name === 'th') row.headers++
          } else if (name === 'br') {
            if (afterBreak && row === undefined && preformatted === 0) emit()
            else if (preformatted > 0) builder.append('\n', parser.startIndex, parser.endIndex + 1)
            else space(parser.startIndex, parser.endIndex + 1)
            afterBreak = true
          } else {
            boundary(name)
          }
          if (name === 'dt' || name === 'dl') term = undefined
          if (name === 'pre') preformatted++
        },
        ontext(data) {
          if (hidden !== undefined) return
          // Text is as long as it stands there, or else decoded from a reference. The parser's own start may lie before a
          // malformed tag, and a reference of two code points comes as two texts.
          const end = parser.endIndex + 1
          const exact = text.endsWith(data, end)
          const range = { start: exact ? end - data.length : Math.max(0, text.lastIndexOf('&', end - 1)), end }
          if (preformatted > 0) {
            builder.append(data, range.start, range.end)
            return
          }
          for (const { 0: piece, index } of data.matchAll(/[ \t\r\n\f]+|[^ \t\r\n\f]+/g)) {
            const from = exact ? range.start + index : range.start
            const to = exact ? from + piece.length : range.end
            if (/^[ \t\r\n\f]/.test(piece)) space(from, to)
            else {
              builder.append(piece, from, to)
              afterBreak = false
            }
          }
        },
        onclosetag(name) {
          if (hidden !== undefined) {
            if (name === hidden.name && --hidden.depth === 0) hidden = undefined
            return
          }
          const depth = headingDepth(name)
          if (depth > 0 && row === undefined) {
            path.enter(depth, flush().text)
          } else if (name === 'dt' && row === undefined) {
            term = flush().text || undefined
          } else if (name === 'tr') {
            rowDepth = Math.max(0, rowDepth - 1)
            if (rowDepth === 0 && row !== undefined) {
              // A row of heading cells only names the columns of the rows below it.
              if (row.cells > 0 && row.headers === row.cells && row.cells > 1) tableHeading = flush().text || undefined
              else emit()
              row = undefined
            }
          } else {
            boundary(name)
          }
          if (name === 'table' && rowDepth === 0) tableHeading = undefined
          if (name === 'dl') term = undefined
          if (name === 'pre') preformatted = Math.max(0, preformatted - 1)
        },
        onend() {
          emit()
        },
      },
      { decodeEntities: true },
    )
    parser.end(text)
    return { text, blocks }
  },
}
