import { decodeNamedCharacterReference } from 'decode-named-character-reference'
import { parse, postprocess, preprocess } from 'micromark'
import { gfmTable } from 'micromark-extension-gfm-table'
import { decodeNumericCharacterReference } from 'micromark-util-decode-numeric-character-reference'
import { breathe } from '../breathe.js'
import { HeadingPath } from './heading-path.js'
import { MappedTextBuilder, trimMapped } from './mapped-text.js'
import type { Block, Reader } from './reader.js'

type Events = ReturnType<typeof postprocess>
type Event = Events[number]

/** Tokens whose text belongs to the page that a person reads. */
const written = new Set(['data', 'codeTextData', 'autolinkProtocol', 'autolinkEmail', 'characterEscapeValue', 'codeFlowValue'])
/** Tokens that hold something else than prose: addresses, titles, definitions, raw HTML, languages of code. */
const hidden = new Set(['resource', 'reference', 'definition', 'codeFencedFence', 'htmlFlow', 'htmlText'])
const spaces = new Set(['lineEnding', 'hardBreakTrailing', 'hardBreakEscape'])
/** Tokens that become a block, or a heading, of their own. */
const wholes = new Set(['paragraph', 'atxHeading', 'setextHeading', 'tableRow', 'codeFenced', 'codeIndented'])
const isCode = (type: string) => type === 'codeFenced' || type === 'codeIndented'

/** Characters parsed at a time: micromark reads about 1 MB a second, and some of its rules take quadratic time. */
const chunkLength = 50_000

/** YAML or TOML before the text, blanked out rather than cut so that offsets stay what they are. */
function withoutFrontMatter(text: string): string {
  const matter = /^(---|\+\+\+)[^\S\n]*\n[^]*?\n\1[^\S\n]*(?:\n|$)/.exec(text)?.[0]
  return matter === undefined ? text : matter.replaceAll(/[^\r\n]/g, ' ') + text.slice(matter.length)
}

/** Where long texts may be parted: before headings that stand after an empty line and in no fenced code. */
function chunksOf(text: string): { start: number; end: number }[] {
  const chunks: { start: number; end: number }[] = []
  let start = 0
  let fence: string | undefined
  for (const { 0: line, 1: mark, index } of text.matchAll(/^ {0,3}(`{3,}|~{3,}|#{1,6} )/gm)) {
    if (mark?.startsWith('#')) {
      const parted = fence === undefined && index - start >= chunkLength && /\n[^\S\n]*\n$/.test(text.slice(Math.max(0, index - 8), index))
      if (!parted || line !== mark) continue
      chunks.push({ start, end: index })
      start = index
    } else if (fence === undefined) fence = mark
    else if (mark?.startsWith(fence)) fence = undefined
  }
  return [...chunks, { start, end: text.length }]
}

/** Makes blocks of micromark's tokens. */
class BlockCollector {
  readonly blocks: Block[] = []
  readonly #source: string
  readonly #headings = new HeadingPath()
  #builder = new MappedTextBuilder()
  #inside: string | undefined
  #hiding = 0
  #depth = 0
  #tableHeading: string | undefined
  #reference: 'named' | 'decimal' | 'hexadecimal' = 'named'

  constructor(source: string) {
    this.#source = source
  }

  /** The tokens of the part of the source that begins at `base`. */
  collect(events: Events, base: number): void {
    for (const event of events) {
      const [phase, { type }] = event
      if (hidden.has(type)) this.#hiding += phase === 'enter' ? 1 : -1
      if (phase === 'enter') this.#enter(event, base)
      else this.#leave(type)
    }
  }

  #enter([, token, context]: Event, base: number): void {
    const { type } = token
    const start = base + token.start.offset
    const end = base + token.end.offset
    if (wholes.has(type)) {
      this.#builder = new MappedTextBuilder()
      this.#inside = type
    } else if (type === 'atxHeadingSequence') {
      // A closing sequence may follow the text; the first one counts.
      if (this.#depth === 0) this.#depth = end - start
    } else if (type === 'setextHeadingLineSequence') {
      this.#depth = this.#source[start] === '=' ? 1 : 2
    } else if (type === 'tableHeader' || type === 'tableData') {
      this.#builder.separate(start, start + 1)
    } else if (type === 'characterReferenceMarkerNumeric') {
      this.#reference = 'decimal'
    } else if (type === 'characterReferenceMarkerHexadecimal') {
      this.#reference = 'hexadecimal'
    }
    if (this.#hiding > 0 || this.#inside === undefined) return
    if (written.has(type)) this.#builder.append(this.#source.slice(start, end), start, end)
    else if (type === 'characterReferenceValue') this.#decode(context.sliceSerialize(token), start, end)
    else if (spaces.has(type)) this.#builder.append(isCode(this.#inside) ? '\n' : ' ', start, end)
  }

  /** The original of a character is the whole reference, from `&` to `;`. */
  #decode(value: string, start: number, end: number): void {
    const [character, before] = {
      named: () => [decodeNamedCharacterReference(value) || value, 1] as const,
      decimal: () => [decodeNumericCharacterReference(value, 10), 2] as const,
      hexadecimal: () => [decodeNumericCharacterReference(value, 16), 3] as const,
    }[this.#reference]()
    this.#builder.append(character, start - before, end + 1)
    this.#reference = 'named'
  }

  #leave(type: string): void {
    if (type === 'atxHeading' || type === 'setextHeading') {
      this.#headings.enter(this.#depth, this.#take().text)
      this.#depth = 0
    } else if (wholes.has(type)) {
      const content = this.#take()
      const headings = [...this.#headings.texts, ...(this.#tableHeading === undefined ? [] : [this.#tableHeading])]
      if (content.text !== '') this.blocks.push({ headings, content, ...(isCode(type) ? { preformatted: true } : {}) })
    } else if (type === 'tableHead') {
      // The heading row names the columns of the rows below it.
      this.#tableHeading = this.blocks.pop()?.content.text
    } else if (type === 'table') {
      this.#tableHeading = undefined
    }
  }

  #take() {
    const content = trimMapped(this.#builder.build())
    this.#builder = new MappedTextBuilder()
    this.#inside = undefined
    return content
  }
}

/**
 * Markdown with tables. The blocks come from micromark's tokens, since their offsets are exact even inside quotes,
 * lists and escapes, where a syntax tree only keeps the cleaned text.
 */
export const markdown: Reader = {
  extensions: ['.md', '.markdown', '.mdown', '.mkd'],
  async read(content) {
    const text = content.text()
    const source = withoutFrontMatter(text.replace(/^\uFEFF/, ' '))
    const collector = new BlockCollector(source)
    for (const { start, end } of chunksOf(source)) {
      if (start > 0) await breathe()
      const parser = parse({ extensions: [gfmTable()] }).document()
      collector.collect(postprocess(parser.write(preprocess()(source.slice(start, end), undefined, true))), start)
    }
    return { text, blocks: collector.blocks }
  },
}
