/**
 * BM25+ (Lv and Zhai 2011), which every store computes alike, so that answers do not depend on where passages lie. Over
 * the query's terms that a passage has, the sum of
 * `ln(1 + (N − n + ½) / (n + ½)) · (delta + count · (k1 + 1) / (count + k1 · (1 − b + b · length / mean length)))`,
 * N passages, n of them with the term; a length counts distinct terms. Filters change neither N, n nor the mean. What each
 * term adds is rounded to the next multiple of `grain`: then sums are exact, and equal in whatever order they are made. The
 * other constants are the usual ones; docs/decisions/0007-stores.md says how others compare.
 */
export const bm25 = { k1: 1.2, b: 0.75, delta: 0.5, grain: 2 ** -40 } as const
