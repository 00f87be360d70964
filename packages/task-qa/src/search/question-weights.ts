import { tellingTermsOf, termsOf } from './terms.js'

/**
 * Words that only ask or join decide between sentences that are equal otherwise: to "what is a tenon" the one that says
 * "a tenon is".
 */
const functionWeight = 0.1

/**
 * Passages without the word that are imagined beside the real ones: in a handful of passages every word that occurs would
 * count as common, and a question's other words, which merely do not occur, would decide alone.
 */
const imagined = 20

/** Words of a question with their weights: rare ones tell more. */
export type WeightedTerms = ReadonlyMap<string, number>

/** The terms to search for: those that tell, or all where none tells. Words that only ask stand in most passages, and leaving them out finds as well. */
export function searchTermsOf(question: string): string[] {
  const telling = tellingTermsOf(question)
  return [...(telling.size > 0 ? telling : new Set(termsOf(question)))]
}

/** All terms of a question, those that tell first. */
export const allTermsOf = (question: string): string[] => [...new Set([...tellingTermsOf(question), ...termsOf(question)])]

/** The question's terms and their inverse document frequencies, in the form of BM25. `frequencies` are of `allTermsOf`. */
export function weigh(question: string, frequencies: readonly number[], passages: number): WeightedTerms {
  const telling = tellingTermsOf(question)
  return new Map(
    allTermsOf(question).map((term, index) => {
      const frequency = frequencies[index] as number
      const rarity = Math.log(1 + (passages + imagined - frequency + 0.5) / (frequency + 0.5))
      return [term, telling.has(term) ? rarity : rarity * functionWeight]
    }),
  )
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
