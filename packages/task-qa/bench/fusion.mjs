// How to rank passages: cosine, BM25, and ways to join them, at several passage lengths, on XQuAD. Prints the first
// table of docs/decisions/0004-knowledge-base.md. Reads the sources, since what it compares is internal; arguments as
// for xquad.mjs.
import { createServer } from 'vite'
import { close, embed, languages, paragraphsOf, recalls, row } from './data.mjs'

const vite = await createServer({ configFile: false, root: new URL('..', import.meta.url).pathname, server: { middlewareMode: true }, ssr: { resolve: { conditions: ['tenon-source', 'node', 'import'] } }, logLevel: 'error' })
const load = (path) => vite.ssrLoadModule(`/src/${path}`)
const [{ passagesOf }, { verbatim }, { LexicalIndex }, { fuse }, { dot, normalise }] = await Promise.all(
  ['split/passages.ts', 'documents/mapped-text.ts', 'search/lexical-index.ts', 'search/fuse.ts', 'search/vector-index.ts'].map(load),
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
    const lexical = new LexicalIndex()
    passages.forEach(({ text }, id) => {
      lexical.stage(id, text)
      lexical.publish(id)
    })
    const ranks = {}
    for (const { source, qas } of paragraphs) {
      for (const { question } of qas) {
        const query = normalise(await embed(question))
        const cosines = new Map(vectors.map((vector, id) => [id, dot(query, vector)]))
        const words = lexical.search(question)
        const rankings = {
          cosine: byScore(cosines),
          'BM25+': byScore(words),
          'reciprocal ranks, k = 60': reciprocal(60, byScore(cosines), byScore(words)),
          'reciprocal ranks, k = 10': reciprocal(10, byScore(cosines), byScore(words)),
          '0.6 · cosine + 0.4 · BM25 / best': fuse(cosines, words).map(({ id }) => id),
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
