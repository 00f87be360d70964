import type { Candidate } from '@tenon/core'

/**
 * The weight of the cosine beside BM25. Raw cosines, not ranks: a model that does not know a language gives all its
 * passages nearly the same cosine, and so leaves the choice to BM25 by itself. Reciprocal ranks lose that: on Chinese
 * questions they put the right paragraph first for 53 % instead of 92 % (docs/decisions/0004-knowledge-base.md).
 */
const cosineWeight = 0.6

/** Candidates with one score each, best first: 0.6 · cosine + 0.4 · BM25 / the best BM25 of this question. */
export function fuse<C extends Pick<Candidate, 'id' | 'cosine' | 'bm25'>>(candidates: readonly C[]): (C & { readonly score: number })[] {
  const best = candidates.reduce((highest, { bm25 }) => Math.max(highest, bm25), 0)
  const fused = candidates.map((candidate) => ({
    ...candidate,
    score: cosineWeight * candidate.cosine + (best > 0 ? ((1 - cosineWeight) * candidate.bm25) / best : 0),
  }))
  return fused.sort((one, other) => other.score - one.score || one.id - other.id)
}
