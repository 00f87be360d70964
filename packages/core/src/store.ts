export type MetadataValue = string | number | boolean

/** What is known of a document beside its text. Numbers are finite. */
export type Metadata = Readonly<Record<string, MetadataValue>>

/** Bounds, all of which hold. Strings compare by code points, so that days as `'2024-05-01'` compare as days. */
export interface Range<T extends string | number> {
  readonly gt?: T
  readonly gte?: T
  readonly lt?: T
  readonly lte?: T
}

export type Condition = MetadataValue | { readonly in: readonly MetadataValue[] } | Range<number> | Range<string>

/**
 * Documents for which every condition holds: `{ lang: 'en', year: { gte: 2020 }, team: { in: ['ops', 'web'] } }`. A field
 * that a document lacks, or has as another type, holds for none.
 */
export type Filter = Readonly<Record<string, Condition>>

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

/** What is to change, all of it or nothing. A key stands in one of the lists, once. */
export interface Change {
  /** Replace documents of the same key. */
  readonly put?: readonly NewDocument[]
  /** Keep their passages, and have another source or other metadata. Keys that are not there are passed over. */
  readonly describe?: readonly Pick<StoredDocument, 'key' | 'source' | 'metadata'>[]
  readonly remove?: readonly string[]
}

export interface Query {
  /** Of length 1, or all zero. */
  readonly vector: Float32Array
  /** Each once. */
  readonly terms: readonly string[]
  readonly limit: number
  readonly filter?: Filter
}

export interface Candidate {
  /** The same as long as the passage is stored, and never another's. Later passages have greater ones. */
  readonly id: number
  readonly document: Pick<StoredDocument, 'key' | 'source' | 'metadata'>
  readonly passage: StoredPassage
  readonly cosine: number
  readonly bm25: number
}

/**
 * BM25+ (Lv and Zhai 2011), which every store computes alike, so that answers do not depend on where passages lie. Over
 * the query's terms that a passage has, the sum of
 * `ln(1 + (N − n + ½) / (n + ½)) · (delta + count · (k1 + 1) / (count + k1 · (1 − b + b · length / mean length)))`,
 * N passages, n of them with the term; a length counts distinct terms. Filters change neither N, n nor the mean. What each
 * term adds is rounded to the next multiple of `grain`: then sums are exact, and equal in whatever order they are made. The
 * other constants are the usual ones; docs/decisions/0007-stores.md says how others compare.
 */
export const bm25 = { k1: 1.2, b: 0.75, delta: 0.5, grain: 2 ** -40 } as const

/** An opened store. Reads see what was there when they began; writes come one after another. */
export interface Collection {
  /** As of the last look, where others write to it too. */
  readonly size: { readonly documents: number; readonly passages: number }
  documents(): Promise<StoredDocument[]>
  /**
   * @returns how many documents of `put` replaced one, and how many were removed.
   * @throws AbortedError, StoreError, StoreConflictError: then nothing has changed.
   */
  write(change: Change, options?: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void }): Promise<{ replaced: number; removed: number }>
  /**
   * The `limit` passages of the highest cosines and the `limit` of the highest BM25 above 0, together and in the order of
   * their ids. Equals: the lower id first.
   */
  search(query: Query, options?: { readonly signal?: AbortSignal }): Promise<Candidate[]>
  /** In how many passages each term stands. */
  frequencies(terms: readonly string[]): Promise<number[]>
  close(): Promise<void>
}

/** By what a store tells whether the vectors it holds are of the embedder that asks. */
export interface EmbedderIdentity {
  readonly dimensions: number
  /** Its embedding of one text that is always the same, of length 1. Asked for only by stores that outlive the process. */
  sample(): Promise<Float32Array>
}

/** A place for passages, made by a factory: `fileStore('./kb')`. Opening it makes it where it is not there yet. */
export interface Store {
  readonly kind: 'store'
  readonly version: 'v1'
  readonly name: string
  /** @throws EmbedderMismatchError, NewerStoreError, InvalidFileError, StoreError */
  open(embedder: EmbedderIdentity, options?: { readonly signal?: AbortSignal }): Promise<Collection>
}
