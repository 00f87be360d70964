import { throwIfAborted, type Candidate, type Embedder } from '@tenon/core'
import { normalise } from './search/vectors.js'
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

  async of(hits: readonly Pick<Candidate, 'id' | 'passage'>[], signal: AbortSignal | undefined): Promise<Float32Array[][]> {
    const missing = hits.filter(({ id }) => !this.#vectors.has(id))
    const fresh = new Map<number, Float32Array[]>()
    if (missing.length > 0) {
      const texts = missing.flatMap(({ passage: { headings, text, sentences } }) => sentences.map(({ from, to }) => wellFormed(inContext(headings, text.slice(from, to)))))
      const vectors = await this.#embed(texts, signal === undefined ? {} : { signal })
      throwIfAborted(signal)
      let from = 0
      for (const { id, passage } of missing) {
        fresh.set(id, vectors.slice(from, from + passage.sentences.length).map(normalise))
        from += passage.sentences.length
      }
    }
    const found = hits.map(({ id }) => fresh.get(id) ?? (this.#vectors.get(id) as Float32Array[]))
    hits.forEach(({ id }, index) => {
      // Most recently used last.
      this.#vectors.delete(id)
      this.#vectors.set(id, found[index] as Float32Array[])
      if (this.#vectors.size > kept) this.#vectors.delete(this.#vectors.keys().next().value as number)
    })
    return found
  }
}
