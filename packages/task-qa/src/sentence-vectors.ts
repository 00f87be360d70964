import { throwIfAborted, type Embedder } from '@tenon/core'
import { normalise } from './search/vector-index.js'
import type { StoredPassage } from './passage-store.js'
import { inContext } from './split/context.js'
import { wellFormed } from './well-formed.js'

/** Passages whose sentence vectors are kept: at 384 dimensions and 6 sentences each about 10 MB. */
const kept = 1024

/**
 * Unit vectors of the sentences of passages, made when a question first comes near them: embedding every sentence
 * beforehand would double the time that `add` takes.
 */
export class SentenceVectors {
  readonly #embed: Embedder
  readonly #vectors = new Map<number, Float32Array[]>()

  constructor(embed: Embedder) {
    this.#embed = embed
  }

  async of(passages: readonly StoredPassage[], signal: AbortSignal | undefined): Promise<Float32Array[][]> {
    const missing = passages.filter(({ id }) => !this.#vectors.has(id))
    const fresh = new Map<number, Float32Array[]>()
    if (missing.length > 0) {
      const texts = missing.flatMap(({ headings, sentences }) => sentences.map(({ text }) => wellFormed(inContext(headings, text))))
      const vectors = await this.#embed(texts, signal === undefined ? {} : { signal })
      throwIfAborted(signal)
      let from = 0
      for (const { id, sentences } of missing) {
        fresh.set(id, vectors.slice(from, from + sentences.length).map((vector) => normalise(vector)))
        from += sentences.length
      }
    }
    return passages.map(({ id }) => {
      const vectors = fresh.get(id) ?? (this.#vectors.get(id) as Float32Array[])
      // Most recently used last.
      this.#vectors.delete(id)
      this.#vectors.set(id, vectors)
      if (this.#vectors.size > kept) this.#vectors.delete(this.#vectors.keys().next().value as number)
      return vectors
    })
  }
}
