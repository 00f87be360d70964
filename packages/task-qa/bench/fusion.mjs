// How to rank passages: cosine, BM25, and ways to join them, at several passage lengths, on XQuAD. Prints the first
// table of docs/decisions/0004-knowledge-base.md. Reads the sources, since what it compares is internal; arguments as
// for xquad.mjs.
import { createServer } from 'vite'
import { close, embed, languages, paragraphsOf, recalls, row } from './data.mjs'

const vite = await createServer({ configFile: false, root: new URL('..', import.meta.url).pathname, server: { middlewareMode: true }, ssr: { resolve: { conditions: ['tenon-source', 'node', 'import'] } }, logLevel: 'error' })
const load = (path) => vite.ssrLoadModule(`/src/${path}`)
const [{ passagesOf }, { verbatim }, { memoryStore }, { searchTermsOf }, { termsOf }, { fuse }, { normalise }] = await Promise.all(
  ['split/passages.ts', 'documents/mapped-text.ts', 'store/memory-store.ts', 'search/question-weights.ts', 'search/terms.ts', 'search/fuse.ts', 'search/vectors.ts'].map(load),
)

const byScore = (scores) => [...scores].sort((one, other) => other[1] - one[1]).map(([id]) => id)

/** Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). */
function reciprocal(constant, ...rankings) {
  const scores = new Map()
  for (const ranking of rankings) ranking.forEach((id, rank) => scores.set(id, (scores.get(id) ?? 0) + 1 / (constant + rank + 1)))
  return byScore(scores)
}

row('language', 'passage length', 'passages', 'ranking', 'recall@1', 'recall@5', 'MRR')
row(...Array(7).fill('---'))
for (const language of languages) {
  for (const bound of [80, 160, 240]) {
    const paragraphs = paragraphsOf(language)
    const passages = paragraphs.flatMap(({ source, text }) => passagesOf({ text, blocks: [{ headings: [], content: verbatim(text, 0) }] }, bound).map((passage) => ({ ...passage, source })))
    const vectors = (await embed(passages.map(({ text }) => text))).map((vector) => normalise(vector))
    const collection = await memoryStore().open({ dimensions: embed.dimensions, sample: async () => vectors[0] })
    const stored = passages.map((passage, index) => ({ passage, vector: vectors[index], terms: termsOf(passage.text) }))
    await collection.write({ put: [{ key: 'all', source: 'all', revision: '', metadata: {}, passages: stored }] })
    const ranks = {}
    for (const { source, qas } of paragraphs) {
      for (const { question } of qas) {
        // All of them, in the order of their ids, which count from 0.
        const candidates = await collection.search({ vector: normalise(await embed(question)), terms: searchTermsOf(question), limit: passages.length })
        const cosines = candidates.map(({ id, cosine }) => [id, cosine])
        const words = candidates.filter(({ bm25 }) => bm25 > 0).map(({ id, bm25 }) => [id, bm25])
        const rankings = {
          cosine: byScore(cosines),
          'BM25+': byScore(words),
          'reciprocal ranks, k = 60': reciprocal(60, byScore(cosines), byScore(words)),
          'reciprocal ranks, k = 10': reciprocal(10, byScore(cosines), byScore(words)),
          '0.6 · cosine + 0.4 · BM25 / best': fuse(candidates).map(({ id }) => id),
        }
        for (const [name, ids] of Object.entries(rankings)) {
          const rank = [...new Set(ids.map((id) => passages[id].source))].indexOf(source) + 1
          ;(ranks[name] ??= []).push(rank === 0 ? Infinity : rank)
        }
      }
    }
    for (const [name, list] of Object.entries(ranks)) row(language, bound, passages.length, name, ...recalls(list))
  }
}
await vite.close()
await close()
