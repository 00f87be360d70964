import { exponential } from './exponential.js'
import { lowerBound } from './largest.js'
import { scratchFor, type Scratch } from './scratch.js'
import { select } from './select.js'

/** What leaves fewer candidates, every value given. */
export interface Filters {
  /** Above 0. */
  readonly temperature: number
  /** 0 for no limit. */
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly typicalP: number
}

/**
 * The candidates that all filters leave. They lie in memory that the next call writes over.
 * @param most The greatest of the logits, a finite number.
 */
export function filter(logits: Float32Array, most: number, filters: Filters): Candidates {
  const candidates = new Candidates(logits, most, filters)
  if (filters.topP < 1) candidates.topP(filters.topP)
  if (filters.minP > 0) candidates.minP(filters.minP)
  if (filters.typicalP < 1) candidates.typicalP(filters.typicalP)
  return candidates
}

/**
 * The tokens that may still be drawn, by id, with their scores below the best one's and e^score. Each filter leaves fewer;
 * what remains counts as a whole distribution for the next one, as in transformers.
 */
class Candidates {
  readonly #scratch: Scratch
  #count = 0
  /** What the candidates weigh together, those counted that fell below the first filter's border before it was drawn. */
  #total = 0

  constructor(logits: Float32Array, most: number, { temperature, topK, topP, minP }: Filters) {
    this.#scratch = scratchFor(logits.length)
    if (topK > 0 && topK < logits.length) {
      this.#gather(logits, most, temperature, lowerBound(logits, topK))
      this.#topK(logits, topK)
      return
    }
    let total = 0
    for (let token = 0; token < logits.length; token++) total += exponential((most - logits[token]!) / temperature)
    // Tokens less probable than this make up less than 1 − topP together, however many they are: top-p leaves none of them.
    const negligible = topP < 1 ? (total * (1 - topP)) / logits.length : minP
    // A little lower, since this border is drawn in other numbers than the filter's own.
    this.#gather(logits, most, temperature, negligible > 0 ? most + temperature * Math.log(negligible * 0.999) : -Infinity)
    this.#total = total
  }

  /** Leaves the fewest of the most probable tokens that make up `mass` together. Of equally probable ones the lower ids stay. */
  topP(mass: number): void {
    const { scores, weights, keys, masses } = this.#scratch
    keys.set(scores.subarray(0, this.#count))
    masses.set(weights.subarray(0, this.#count))
    const budget = mass * this.#total
    const { threshold, above } = select(keys, masses, this.#count, budget)
    this.#keep(scores, threshold, Math.max(1, Math.ceil((budget - above) / exponential(-threshold))))
  }

  /** Leaves the tokens whose probability is at least `share` of the greatest, which weighs 1. */
  minP(share: number): void {
    this.#keep(this.#scratch.weights, share)
  }

  /** Locally typical sampling (Meister et al. 2023): leaves the tokens whose information is nearest to the entropy, until they make up `mass`. */
  typicalP(mass: number): void {
    const { scores, weights, keys, masses, distances } = this.#scratch
    const total = this.#total
    let entropy = 0 // the mean of −score: what all share, log total, takes no part in a difference
    for (let index = 0; index < this.#count; index++) if (weights[index]! > 0) entropy -= (weights[index]! / total) * scores[index]!
    for (let index = 0; index < this.#count; index++) distances[index] = keys[index] = -Math.abs(-scores[index]! - entropy)
    masses.set(weights.subarray(0, this.#count))
    this.#keep(distances, select(keys, masses, this.#count, mass * total).threshold)
  }

  /** The token at `share` of the way through the candidates' probabilities, in the order of their ids. `share` lies in [0, 1). */
  at(share: number): number {
    const { ids, weights } = this.#scratch
    const target = share * this.#total
    let passed = 0
    let last = 0 // the last token that has a probability: rounding may let the target lie past all
    for (let index = 0; index < this.#count; index++) {
      if (weights[index] === 0) continue
      passed += weights[index]!
      last = ids[index]!
      if (passed > target) break
    }
    return last
  }

  /** A copy of the ids, in ascending order. */
  get tokens(): Int32Array {
    return this.#scratch.ids.slice(0, this.#count)
  }

  #gather(logits: Float32Array, most: number, temperature: number, bound: number): void {
    const { ids, scores, weights } = this.#scratch
    let count = 0
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token]!
      if (logit < bound || logit === -Infinity) continue
      const score = (logit - most) / temperature
      ids[count] = token
      scores[count] = score
      weights[count++] = exponential(-score)
    }
    this.#count = count
  }

  /** Scores equal to the last are kept, as in transformers. They are compared before the temperature, which may make equals of them. */
  #topK(logits: Float32Array, topK: number): void {
    const { ids, keys, masses, distances } = this.#scratch
    for (let index = 0; index < this.#count; index++) {
      distances[index] = keys[index] = logits[ids[index]!]!
      masses[index] = 1
    }
    this.#keep(distances, select(keys, masses, this.#count, topK).threshold)
  }

  /** Leaves the candidates whose values lie above the threshold, and the first `equals` of those that lie on it. */
  #keep(values: Float64Array, threshold: number, equals = Infinity): void {
    const { ids, scores, weights } = this.#scratch
    let count = 0
    let total = 0
    let left = equals
    for (let index = 0; index < this.#count; index++) {
      const value = values[index]!
      if (value < threshold || (value === threshold && left-- <= 0)) continue
      ids[count] = ids[index]!
      scores[count] = scores[index]!
      total += weights[count++] = weights[index]!
    }
    this.#count = count
    this.#total = total
  }
}
