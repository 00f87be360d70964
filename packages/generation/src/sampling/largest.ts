import { scratchFor } from './scratch.js'
import { select } from './select.js'

const BLOCK = 64

/**
 * A number that at most few more than `count` of the scores reach: the count-th greatest of the maxima of blocks. `count`
 * scores or more are not below it.
 */
export function lowerBound(scores: Float32Array, count: number): number {
  const blocks = Math.ceil(scores.length / BLOCK)
  if (count >= blocks) return -Infinity
  const { keys, masses } = scratchFor(scores.length)
  for (let block = 0; block < blocks; block++) {
    const end = Math.min((block + 1) * BLOCK, scores.length)
    let most = -Infinity
    for (let token = block * BLOCK; token < end; token++) if (scores[token]! > most) most = scores[token]!
    keys[block] = most
    masses[block] = 1
  }
  return select(keys, masses, blocks, count).threshold
}

/**
 * The `count` greatest scores, best first, the lower token first among equals. -Infinity is never among them, so that there may be fewer.
 */
export function largest(scores: Float32Array, count: number): { token: number; score: number }[] {
  const bound = lowerBound(scores, count)
  const found: { token: number; score: number }[] = []
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token]!
    if (score >= bound && score > -Infinity) found.push({ token, score })
  }
  return found.sort((a, b) => b.score - a.score || a.token - b.token).slice(0, count)
}
