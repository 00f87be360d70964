import { throwIfAborted } from '@tenon/core'
import { Pace } from '../pace.js'
import { dotAt } from '../search/vectors.js'
import { Best } from './best.js'
import type { Allowed } from './lexical-search.js'
import { quantisedQuery } from './quantised-vectors.js'
import type { State } from './state.js'

/**
 * The highest cosines among the rows allowed, exactly: estimates in 8 bits, each with a bound of its error, leave the few
 * rows that may be among the best, and those are computed from their true vectors.
 */
export async function vectorSearch(state: State, vector: Float32Array, limit: number, allowed: Allowed, signal: AbortSignal | undefined): Promise<Best> {
  throwIfAborted(signal)
  const pace = new Pace(signal)
  const query = quantisedQuery(vector)
  /** Cosines that the rows have at least: the lowest of the best is what a row must be able to reach. */
  const atLeast = new Best(limit)
  const estimates: (Float32Array | undefined)[] = []
  for (const [index, { block }] of state.blocks.entries()) {
    const may = allowed[index] as Uint8Array
    const { quantised } = block
    const cosines = quantised === undefined ? undefined : new Float32Array(block.rows)
    estimates.push(cosines)
    if (quantised === undefined || cosines === undefined) continue
    for (let from = 0; from < block.rows; ) {
      const to = quantised.estimate(query, from, cosines)
      for (let row = from; row < to; row++) {
        if (may[row] === 1) atLeast.offer(0, (cosines[row] as number) - quantised.margin(row, query))
      }
      if (pace.due()) await pace.rest()
      from = to
    }
  }
  const best = new Best(limit)
  const { least } = atLeast
  for (const [index, { block }] of state.blocks.entries()) {
    const may = allowed[index] as Uint8Array
    const cosines = estimates[index]
    const { quantised } = block
    for (let row = 0; row < block.rows; row++) {
      if (row % 1_024 === 0 && pace.due()) await pace.rest()
      if (may[row] === 0) continue
      if (quantised !== undefined && cosines !== undefined && (cosines[row] as number) + quantised.margin(row, query) < least) continue
      best.offer(block.ids[row] as number, dotAt(vector, block.vectors, row * vector.length))
    }
  }
  return best
}
