import { InvalidLogitsError } from './invalid-logits-error.js'

/**
 * Where the greatest of the logits stands, the first of several; -1 where all are -Infinity.
 * @throws InvalidLogitsError where one is NaN or Infinity.
 */
export function greatest(logits: Float32Array, from: 'model' | 'processor'): number {
  let most = -Infinity
  let place = -1
  // Eight at a time: one branch that is seldom taken, in a third of the time. The comparison is the negated one since NaN fails both.
  const whole = logits.length - (logits.length % 8)
  for (let start = 0; start < logits.length; start += 8) {
    const none =
      start < whole &&
      logits[start]! <= most && logits[start + 1]! <= most && logits[start + 2]! <= most && logits[start + 3]! <= most &&
      logits[start + 4]! <= most && logits[start + 5]! <= most && logits[start + 6]! <= most && logits[start + 7]! <= most
    if (none) continue
    const end = Math.min(start + 8, logits.length)
    for (let token = start; token < end; token++) {
      const value = logits[token]!
      if (value <= most) continue
      if (!(value < Infinity)) throw new InvalidLogitsError({ from, problem: `hold ${value} for token ${token}` })
      most = value
      place = token
    }
  }
  return place
}
