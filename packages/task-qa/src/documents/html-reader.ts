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

/** Where a tag or a text stands in the page. */
interface Range {
  readonly start: number
  readonly end: number
}

/** Makes blocks of the tags and texts of a page, in their order. */
class BlockCollector {
  readonly blocks: Block[] = []
  readonly #headings = new HeadingPath()
  #builder = new MappedTextBuilder()
  #hidden: { readonly name: string; depth: number } | undefined
  #preformatted = 0
  #afterBreak = false
  #row: { cells: number; headers: number } | undefined
  #rowDepth = 0
  #tableHeading: string | undefined
  #term: string | undefined

  open(name: string, isHidden: boolean, tag: Range): void {
    if (this.#hidden !== undefined || isHidden || hiddenElements.has(name)) {
      this.#hide(name, tag)
      return
    }
    if (name === 'tr') this.#openRow()
    else if ((name === 'td' || name === 'th') && this.#row !== undefined && this.#rowDepth === 1) {
      this.#builder.separate(tag.start, tag.end)
      this.#row.cells++
      if (name === 'th') this.#row.headers++
    } else if (name === 'br') this.#break(tag)
    else this.#boundary(name, tag.start)
    if (name === 'dt' || name === 'dl') this.#term = undefined
    if (name === 'pre') this.#preformatted++
  }

  /** @param isExact Whether the text is as it stands there, or else decoded from a reference. */
  text(data: string, { start, end }: Range, isExact: boolean): void {
    if (this.#hidden !== undefined) return
    if (this.#preformatted > 0) {
      this.#builder.append(data, start, end)
      return
    }
    for (const { 0: piece, index } of data.matchAll(/[ \t\r\n\f]+|[^ \t\r\n\f]+/g)) {
      const from = isExact ? start + index : start
      const to = isExact ? from + piece.length : end
      if (/^[ \t\r\n\f]/.test(piece)) this.#space(from, to)
      else {
        this.#builder.append(piece, from, to)
        this.#afterBreak = false
      }
    }
  }

  close(name: string, { start }: Range): void {
    if (this.#hidden !== undefined) {
      if (name === this.#hidden.name && --this.#hidden.depth === 0) this.#hidden = undefined
      return
    }
    const depth = headingDepth(name)
    if (depth > 0 && this.#row === undefined) this.#headings.enter(depth, this.#take().text)
    else if (name === 'dt' && this.#row === undefined) this.#term = this.#take().text || undefined
    else if (name === 'tr') this.#closeRow()
    else this.#boundary(name, start)
    if (name === 'table' && this.#rowDepth === 0) this.#tableHeading = undefined
    if (name === 'dl') this.#term = undefined
    if (name === 'pre') this.#preformatted = Math.max(0, this.#preformatted - 1)
  }

  /** What was collected since the last block becomes one. */
  endBlock(): void {
    const content = this.#take()
    if (content.text === '') return
    const headings = [...this.#headings.texts, ...(this.#term === undefined ? [] : [this.#term]), ...(this.#tableHeading === undefined ? [] : [this.#tableHeading])]
    this.blocks.push({ headings, content, ...(this.#preformatted > 0 ? { preformatted: true } : {}) })
  }

  /** Until the element that hides is closed only its nesting counts; void elements close at once. */
  #hide(name: string, { start }: Range): void {
    if (this.#hidden === undefined) this.#boundary(name, start)
    this.#hidden ??= { name, depth: 0 }
    if (name === this.#hidden.name) this.#hidden.depth++
  }

  /** A table in a cell is part of the row around it. */
  #openRow(): void {
    this.#rowDepth++
    if (this.#rowDepth > 1) return
    this.endBlock()
    this.#row = { cells: 0, headers: 0 }
  }

  #closeRow(): void {
    this.#rowDepth = Math.max(0, this.#rowDepth - 1)
    if (this.#rowDepth > 0 || this.#row === undefined) return
    // A row of heading cells only names the columns of the rows below it.
    const { cells, headers } = this.#row
    if (cells > 1 && headers === cells) this.#tableHeading = this.#take().text || undefined
    else this.endBlock()
    this.#row = undefined
  }

  #break({ start, end }: Range): void {
    if (this.#afterBreak && this.#row === undefined && this.#preformatted === 0) this.endBlock()
    else if (this.#preformatted > 0) this.#builder.append('\n', start, end)
    else this.#space(start, end)
    this.#afterBreak = true
  }

  #boundary(name: string, at: number): void {
    if (!blockElements.has(name)) return
    if (this.#row === undefined) this.endBlock()
    else this.#space(at, at)
  }

  #space(start: number, end: number): void {
    if (!this.#builder.isEmpty && !this.#builder.endsInSpace) this.#builder.append(' ', start, end)
  }

  #take() {
    const content = trimMapped(this.#builder.build())
    this.#builder = new MappedTextBuilder()
    this.#afterBreak = false
    return content
  }
}

/** HTML pages: text as a browser would show it, blocks by element, headings from h1 to h6 and dt. */
export const html: Reader = {
  extensions: ['.html', '.htm', '.xhtml'],
  read(content) {
    const text = content.text()
    const collector = new BlockCollector()
    const range = (): Range => ({ start: parser.startIndex, end: parser.endIndex + 1 })
    const parser = new Parser(
      {
        onopentag: (name, attributes) => collector.open(name, attributes['hidden'] !== undefined, range()),
        ontext(data) {
          // The parser's own start may lie before a malformed tag, and a reference of two code points comes as two texts.
          const { end } = range()
          const isExact = text.endsWith(data, end)
          const start = isExact ? end - data.length : Math.max(0, text.lastIndexOf('&', end - 1))
          collector.text(data, { start, end }, isExact)
        },
        onclosetag: (name) => collector.close(name, range()),
        onend: () => collector.endBlock(),
      },
      { decodeEntities: true },
    )
    parser.end(text)
    return { text, blocks: collector.blocks }
  },
}
