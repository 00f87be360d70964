import type { Metadata } from './filter.js'

/** A document, as a store lists it. Keys and strings of metadata are well-formed text without U+0000. */
export interface StoredDocument {
  readonly key: string
  /** Its name, as answers give it back. */
  readonly source: string
  /** Another one says that its content, or how it is read and cut, has changed. */
  readonly revision: string
  readonly metadata: Metadata
  /** How many passages it has. */
  readonly passages: number
}

/** A part of a document: stored and given back, never looked into. Offsets as the knowledge base counts them. */
export interface StoredPassage {
  readonly headings: readonly string[]
  readonly text: string
  readonly start: number
  readonly end: number
  /** `from` and `to` count in `text`, `start` and `end` in the document. */
  readonly sentences: readonly StoredSentence[]
}

export interface StoredSentence {
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
  /**
   * Where it does not stand in the document as it is: from `at` on, `length` characters of the sentence stand for the document's
   * `[start, end)`, one by one where that is as long, else as a whole.
   */
  readonly runs?: readonly { readonly at: number; readonly length: number; readonly start: number; readonly end: number }[]
}

/** A passage with what it is found by. */
export interface NewPassage {
  readonly passage: StoredPassage
  /** Of length 1, or all zero. */
  readonly vector: Float32Array
  /** As often as they stand in it. Well-formed text without U+0000. */
  readonly terms: readonly string[]
}

export interface NewDocument extends Omit<StoredDocument, 'passages'> {
  readonly passages: readonly NewPassage[]
}
