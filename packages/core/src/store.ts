import type { Filter } from './filter.js'
import type { NewDocument, StoredDocument, StoredPassage } from './stored-document.js'

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
