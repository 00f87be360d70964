import type { MappedText } from './mapped-text.js'

/** A stretch of a document that belongs together: a paragraph, a list item, a row of a table. */
export interface Block {
  /** The headings above it, outermost first; for a table row the table's own heading comes last. */
  readonly headings: readonly string[]
  readonly content: MappedText
  /** Lines are kept apart, as in code and verse; elsewhere a line end is a space. */
  readonly preformatted?: boolean
}

/** What a reader makes of a file. */
export interface ReadDocument {
  /** The text that all offsets count in: the file's own, decoded, or what a reader of a binary format extracts. */
  readonly text: string
  /** In the order of the document. */
  readonly blocks: readonly Block[]
}

/** A file, or a document from memory, as a reader sees it. */
export interface Content {
  /** The path, or the name the caller gave. */
  readonly source: string
  bytes(): Uint8Array
  /** @throws UnreadableError when the bytes are no text in UTF-8 or, marked by a byte order mark, UTF-16. */
  text(): string
}

/**
 * Reads documents of one format. What it throws becomes the reason why the file is skipped.
 *
 * @example
 * const lines: Reader = {
 *   extensions: ['.log'],
 *   read(content) {
 *     const text = content.text()
 *     return { text, blocks: [...text.matchAll(/.+/g)].map((line) => ({ headings: [], content: verbatim(line[0], line.index) })) }
 *   },
 * }
 */
export interface Reader {
  /** With the dot, in lower case: `['.md', '.markdown']`. */
  readonly extensions: readonly string[]
  /** Another one says that it makes something else of a file now: what was read by the old one is read again when it is added again. */
  readonly version?: string
  read(content: Content): ReadDocument | Promise<ReadDocument>
}
