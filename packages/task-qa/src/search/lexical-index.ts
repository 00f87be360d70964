import MiniSearch from 'minisearch'
import { tellingTermsOf, termsOf } from './terms.js'

interface Entry {
  readonly id: number
  readonly text: string
}

/**
 * Words that only ask or join decide between sentences that are equal otherwise: to "what is a tenon" the one that says
 * "a tenon is".
 */
const functionWeight = 0.1

/** Words of a question with their weights: rare ones tell more. */
export type WeightedTerms = ReadonlyMap<string, number>

/**
 * Entries without the word that are imagined beside the real ones: in a handful of entries every word that occurs would
 * count as common, and a question's other words, which merely do not occur, would decide alone.
 */
const IMAGINED = 20

/** BM25+ over passages. An entry is found only once it is public, so that an `add` can be undone until its end. */
export class LexicalIndex {
  readonly #index = new MiniSearch<Entry>({
    fields: ['text'],
    tokenize: (text) => this.#tokenize(text),
    processTerm: (term) => term,
    // Entries that were discarded are swept out in the background.
    autoVacuum: true,
  })
  readonly #frequencies = new Map<string, number>()
  readonly #public = new Set<number>()
  readonly #staged = new Map<number, ReadonlySet<string>>()

  #terms: readonly string[] = []

  /** The index asks for the terms of an entry while it is added; they are wanted again when it is published. */
  #tokenize(text: string): string[] {
    const terms = termsOf(text)
    this.#terms = terms
    return terms
  }

  /** Indexes an entry without showing it yet. */
  stage(id: number, text: string): void {
    this.#index.add({ id, text })
    this.#staged.set(id, new Set(this.#terms))
  }

  /** Undoes `stage`. */
  unstage(id: number): void {
    this.#index.discard(id)
    this.#staged.delete(id)
  }

  /** Shows a staged entry. */
  publish(id: number): void {
    const terms = this.#staged.get(id)
    if (terms === undefined) return
    this.#staged.delete(id)
    this.#public.add(id)
    for (const term of terms) this.#frequencies.set(term, (this.#frequencies.get(term) ?? 0) + 1)
  }

  remove(id: number, text: string): void {
    this.#public.delete(id)
    this.#index.discard(id)
    for (const term of new Set(termsOf(text))) {
      const left = (this.#frequencies.get(term) ?? 0) - 1
      if (left > 0) this.#frequencies.set(term, left)
      else this.#frequencies.delete(term)
    }
  }

  /**
   * Scores of the entries that share a telling term with the question, or any term when it has none that tells.
   * Unbounded; only their order and ratios mean something.
   */
  search(question: string): Map<number, number> {
    const telling = [...tellingTermsOf(question)]
    const terms = telling.length > 0 ? telling : termsOf(question)
    // Words that only ask stand in most entries: leaving them out finds as well, in a fraction of the time.
    const results = this.#index.search(question, { combineWith: 'OR', tokenize: () => terms, filter: ({ id }) => this.#public.has(id) })
    return new Map(results.map(({ id, score }) => [id, score]))
  }

  /** The question's terms and their inverse document frequencies, in the form of BM25. */
  weigh(question: string): WeightedTerms {
    const count = this.#public.size
    const telling = tellingTermsOf(question)
    const weights = new Map<string, number>()
    for (const term of [...telling, ...termsOf(question)]) {
      const frequency = this.#frequencies.get(term) ?? 0
      const rarity = Math.log(1 + (count + IMAGINED - frequency + 0.5) / (frequency + 0.5))
      weights.set(term, telling.has(term) ? rarity : rarity * functionWeight)
    }
    return weights
  }
}

/** The share of a question's weight that a text has words for, 0 to 1. */
export function coverage(weights: WeightedTerms, text: string): number {
  const terms = new Set(termsOf(text))
  let covered = 0
  let total = 0
  for (const [term, weight] of weights) {
    total += weight
    if (terms.has(term)) covered += weight
  }
  return total === 0 ? 0 : covered / total
}
