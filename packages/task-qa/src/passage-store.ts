import { throwIfAborted } from '@tenon/core'
import { breathe } from './breathe.js'
import type { Piece } from './split/passages.js'
import { LexicalIndex } from './search/lexical-index.js'
import { VectorIndex } from './search/vector-index.js'

/** Passages indexed between two looks at the event loop. */
const slice = 64

export interface StoredPassage extends Piece {
  readonly id: number
  readonly source: string
  /** Headings and text: what is embedded and indexed. */
  readonly indexed: string
}

export interface NewDocument {
  readonly key: string
  readonly passages: readonly { readonly passage: StoredPassage; readonly vector: Float32Array }[]
}

/** All passages, and the two indexes over them. */
export class PassageStore {
  readonly lexical = new LexicalIndex()
  readonly vectors: VectorIndex
  readonly #passages = new Map<number, StoredPassage>()
  readonly #documents = new Map<string, readonly number[]>()
  #nextId = 0

  constructor(dimensions: number) {
    this.vectors = new VectorIndex(dimensions)
  }

  get size(): { documents: number; passages: number } {
    return { documents: this.#documents.size, passages: this.#passages.size }
  }

  nextId(): number {
    return this.#nextId++
  }

  /** `undefined` when the passage was replaced since its id was looked up. */
  passage(id: number): StoredPassage | undefined {
    return this.#passages.get(id)
  }

  /**
   * Adds documents, replacing those of the same key: everything slow happens unseen, then all becomes visible at once.
   * @returns how many were replaced.
   */
  async add(documents: readonly NewDocument[], { signal, onProgress }: { signal: AbortSignal | undefined; onProgress: (done: number, total: number) => void }): Promise<number> {
    const entries = documents.flatMap((document) => document.passages)
    const staged: number[] = []
    try {
      for (const { passage } of entries) {
        if (staged.length % slice === 0) {
          await breathe()
          throwIfAborted(signal)
        }
        this.lexical.stage(passage.id, passage.indexed)
        staged.push(passage.id)
        onProgress(staged.length, entries.length)
      }
      await breathe()
      throwIfAborted(signal)
    } catch (error) {
      for (const id of staged) this.lexical.unstage(id)
      throw error
    }

    // From here on nothing waits and nothing throws.
    const gone = documents.flatMap(({ key }) => this.#documents.get(key) ?? [])
    const replaced = documents.filter(({ key }) => this.#documents.has(key)).length
    for (const id of gone) {
      this.lexical.remove(id, this.#passages.get(id)?.indexed ?? '')
      this.#passages.delete(id)
    }
    this.vectors.remove(new Set(gone))
    this.vectors.add(
      entries.map(({ passage }) => passage.id),
      entries.map(({ vector }) => vector),
    )
    for (const { passage } of entries) {
      this.#passages.set(passage.id, passage)
      this.lexical.publish(passage.id)
    }
    for (const { key, passages } of documents) this.#documents.set(key, passages.map(({ passage }) => passage.id))
    return replaced
  }
}
