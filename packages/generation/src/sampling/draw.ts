import { exponential } from './exponential.js'

/**
 * The token at `share` of the way through the probabilities of all, in the order of their ids: what `filter(…).at(share)` gives where no
 * filter is set, in half the time, since nothing is gathered.
 * @param most The greatest of the logits, a finite number.
 * @param share In [0, 1).
 */
export function draw(logits: Float32Array, most: number, temperature: number, share: number): number {
  let total = 0
  for (let token = 0; token < logits.length; token++) total += exponential((most - logits[token]!) / temperature)
  const target = share * total
  let passed = 0
  let last = 0 // the last token that has a probability: rounding may let the target lie past all
  for (let token = 0; token < logits.length; token++) {
    const weight = exponential((most - logits[token]!) / temperature)
    if (weight === 0) continue
    passed += weight
    last = token
    if (passed > target) break
  }
  return last
}
