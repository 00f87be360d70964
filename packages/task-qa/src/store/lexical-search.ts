import { bm25 } from '@tenon/core'
import { Pace } from '../pace.js'
import { Best } from './best.js'
import type { LiveBlock, State } from './state.js'

/** Rows of a block that may be found. */
export type Allowed = readonly Uint8Array[]

function postingsOf({ block }: LiveBlock, term: string): { readonly rows: Uint32Array; readonly counts: Uint16Array } {
  const index = block.termIndex.get(term)
  const from = index === undefined ? 0 : block.postingStarts[index]
  const to = index === undefined ? 0 : block.postingStarts[index + 1]
  return { rows: block.postingRows.subarray(from, to), counts: block.postingCounts.subarray(from, to) }
}

export function frequency(state: State, term: string): number {
  return state.blocks.reduce((sum, part) => postingsOf(part, term).rows.reduce((count, row) => count + (part.live[row] as number), sum), 0)
}

/** BM25+ of every row of every block, and the best among those allowed. */
export async function lexicalSearch(state: State, terms: readonly string[], limit: number, allowed: Allowed, signal: AbortSignal | undefined): Promise<{ best: Best; scores: readonly Float64Array[] }> {
  const pace = new Pace(signal)
  const { k1, b, delta, grain } = bm25
  const mean = state.lengths / state.passages
  const scores = state.blocks.map(({ block }) => new Float64Array(block.rows))
  for (const term of terms) {
    if (pace.due()) await pace.rest()
    const count = frequency(state, term)
    const rarity = Math.log(1 + (state.passages - count + 0.5) / (count + 0.5))
    for (const [index, part] of state.blocks.entries()) {
      const { rows, counts } = postingsOf(part, term)
      const own = scores[index] as Float64Array
      for (let at = 0; at < rows.length; at++) {
        const row = rows[at] as number
        const times = counts[at] as number
        const length = part.block.lengths[row] as number
        const score = rarity * (delta + (times * (k1 + 1)) / (times + k1 * (1 - b + (b * length) / mean)))
        own[row] = (own[row] as number) + Math.round(score / grain) * grain
      }
    }
  }
  const best = new Best(limit)
  for (const [index, { block }] of state.blocks.entries()) {
    const own = scores[index] as Float64Array
    const may = allowed[index] as Uint8Array
    for (let row = 0; row < block.rows; row++) {
      if (row % 4_096 === 0 && pace.due()) await pace.rest()
      const score = own[row] as number
      if (score > 0 && may[row] === 1) best.offer(block.ids[row] as number, score)
    }
  }
  return { best, scores }
}
