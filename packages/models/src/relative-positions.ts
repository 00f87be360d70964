/** How far a token sees another one, and where that distance has its row in a table of 2 · `span` embeddings. */
export interface RelativePositions {
  /** Half as many as there are embeddings: distances run from -span to span - 1. */
  readonly span: number
  /** Distances from here on are all one to the model: its `max_relative_positions`. */
  readonly furthest: number
  /** Whether distances above span / 2 share embeddings, the more of them the further they are; `position_buckets`. */
  readonly bucketed: boolean
}

/**
 * The row for each distance from -limit to limit, beyond which no row changes any more: DeBERTa's δ (He et al. 2020,
 * equation 3), in buckets where asked (He et al. 2021, as `make_log_bucket_position` in `transformers` has them).
 */
export function relativePositions(positions: RelativePositions): readonly number[] {
  const { span } = positions
  const row = (distance: number) => Math.min(Math.max((positions.bucketed ? bucket(distance, positions) : distance) + span, 0), 2 * span - 1)
  const isOuter = (at: number) => at === 0 || at === 2 * span - 1 // either, since buckets turn back where there are more of them than distances
  let limit = span
  while (limit < LONGEST && !(isOuter(row(limit)) && isOuter(row(-limit)))) limit++
  return Array.from({ length: 2 * limit + 1 }, (_, index) => row(index - limit))
}

/** Buckets of two or three never reach the outermost row. An attention this long would hold 2⁴⁰ scores a head. */
const LONGEST = 2 ** 20

/** In float32, step by step, since a rounding decides at which distance a bucket ends. */
function bucket(distance: number, { span, furthest }: RelativePositions): number {
  const middle = Math.floor(span / 2)
  const away = Math.abs(distance)
  if (away <= middle) return distance
  const log = (x: number) => Math.fround(Math.log(Math.fround(x)))
  const part = Math.fround(log(away / middle) / log((furthest - 1) / middle))
  return Math.sign(distance) * (Math.ceil(Math.fround(part * (middle - 1))) + middle)
}
