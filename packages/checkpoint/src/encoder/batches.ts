/**
 * What a run costs beyond its tokens, in tokens: starting it, and the rows a matrix product rounds up to. Measured
 * with the encoder benchmark; the batches hardly change between 8 and 64.
 */
const START = 16

/** A token attends to the whole row: at this length attention costs as much as everything else. From the shape of a 384-wide encoder, 12 · hidden / 2. */
const ATTENTION = 2304

/** What a batch costs, in tokens. */
export const cost = (texts: number, length: number): number => START + texts * length * (1 + length / ATTENTION)

/**
 * Groups texts so that little padding is computed: sorted by length, cut where the sum of the runs' costs is least
 * (a shortest path, since every batch is a stretch of the sorted list).
 * @param lengths Tokens of each text.
 * @param budget Most tokens in a batch, padding included; a text longer than that runs alone.
 * @returns Indices of the texts, batch by batch, longest first, so that memory is at its peak in the first run.
 */
export function groupByLength(lengths: readonly number[], budget: number): number[][] {
  const order = lengths.map((_, index) => index).toSorted((a, b) => lengths[b]! - lengths[a]!)
  const best = new Float64Array(order.length + 1)
  const cut = new Uint32Array(order.length + 1)
  for (let end = 1; end <= order.length; end++) {
    best[end] = Infinity
    for (let start = end - 1; start >= 0; start--) {
      const texts = end - start
      const length = lengths[order[start]!]!
      if (texts > 1 && texts * length > budget) break
      const total = best[start]! + cost(texts, length)
      if (total < best[end]!) {
        best[end] = total
        cut[end] = start
      }
    }
  }
  const batches: number[][] = []
  for (let end = order.length; end > 0; end = cut[end]!) batches.push(order.slice(cut[end]!, end))
  return batches.reverse()
}
