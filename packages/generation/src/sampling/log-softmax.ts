import { exponential } from './exponential.js'
import { greatest } from './greatest.js'
import { InvalidLogitsError } from './invalid-logits-error.js'

/** The logarithm of the sum of e^logit, summed in float64. `most` is the greatest logit, a finite number. */
export function logSumExp(logits: Float32Array, most: number): number {
  let sum = 0
  for (let token = 0; token < logits.length; token++) sum += exponential(most - logits[token]!)
  return most + Math.log(sum)
}

/**
 * Turns logits into log-probabilities where they lie.
 * @throws InvalidLogitsError where they hold NaN or Infinity, or nothing finite.
 */
export function logSoftmax(logits: Float32Array): void {
  const place = greatest(logits, 'model')
  if (place < 0) throw new InvalidLogitsError({ from: 'model', problem: 'are all -Infinity' })
  const total = logSumExp(logits, logits[place]!)
  for (let token = 0; token < logits.length; token++) logits[token]! -= total
}
