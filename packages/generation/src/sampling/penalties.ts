import type { LogitsProcessor } from './logits-processor.js'
import { scratchFor } from './scratch.js'

/** Divides the logits above 0 of all tokens so far, the prompt's too, by the penalty, and multiplies those below (Keskar et al. 2019), once each. */
export const penaliseRepetition = (penalty: number): LogitsProcessor => (logits, { tokens }) => {
  forEachToken(logits, tokens, 0, (token) => {
    const logit = logits[token]!
    logits[token] = logit < 0 ? logit * penalty : logit / penalty
  })
}

/** Takes `frequency` for each time a token was generated, and `presence` once, from its logit, as OpenAI's API does. */
export const penaliseUse = (frequency: number, presence: number): LogitsProcessor => (logits, { tokens, promptLength }) => {
  forEachToken(logits, tokens, promptLength, (token, count) => {
    logits[token]! -= frequency * count + presence
  })
}

/** Forbids every token that would repeat `size` tokens in a row that the prompt or the generated text has. */
export const forbidRepeatedNgrams = (size: number): LogitsProcessor => (logits, { tokens }) => {
  const length = tokens.length
  for (let start = 0; start + size <= length; start++) {
    let same = 0
    while (same < size - 1 && tokens[start + same] === tokens[length - size + 1 + same]) same++
    const next = tokens[start + size - 1]!
    if (same === size - 1 && next < logits.length) logits[next] = -Infinity
  }
}

/** Whether the last `size` of the first `end` tokens stand before, too: what is forbidden by `forbidRepeatedNgrams`. */
export function repeatsNgram(tokens: readonly number[], end: number, size: number): boolean {
  for (let other = size; other < end; other++) {
    let same = 0
    while (same < size && tokens[other - 1 - same] === tokens[end - 1 - same]) same++
    if (same === size) return true
  }
  return false
}

/** Calls back once for each token from `start` on, with how often it stands there. Tokens that have no logit are left out. */
function forEachToken(logits: Float32Array, tokens: readonly number[], start: number, each: (token: number, count: number) => void): void {
  const { counts } = scratchFor(logits.length)
  for (let index = start; index < tokens.length; index++) if (tokens[index]! < logits.length) counts[tokens[index]!]!++
  for (let index = start; index < tokens.length; index++) {
    const token = tokens[index]!
    const count = token < logits.length ? counts[token]! : 0
    if (count === 0) continue
    counts[token] = 0
    each(token, count)
  }
}
