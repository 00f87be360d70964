/**
 * The weight of the cosine beside BM25. Raw cosines, not ranks: a model that does not know a language gives all its
 * passages nearly the same cosine, and so leaves the choice to BM25 by itself. Reciprocal ranks lose that: on Chinese
 * questions they put the right paragraph first for 53 % instead of 93 % (docs/decisions/0004-knowledge-base.md).
 */
const cosineWeight = 0.6

/** Ids with one score each, best first: 0.6 · cosine + 0.4 · BM25 / the best BM25 of this question. */
export function fuse(cosines: ReadonlyMap<number, number>, lexical: ReadonlyMap<number, number>): { id: number; score: number; cosine: number }[] {
  let best = 0
  for (const [id, score] of lexical) if (cosines.has(id) && score > best) best = score
  const fused = [...cosines].map(([id, cosine]) => ({
    id,
    cosine,
    score: cosineWeight * cosine + (best > 0 ? ((1 - cosineWeight) * (lexical.get(id) ?? 0)) / best : 0),
  }))
  return fused.sort((one, other) => other.score - one.score || one.id - other.id)
}
