import { bm25, DisposedError, matches, throwIfAborted, type Candidate, type NewDocument, type NewPassage, type Store } from '@tenon/core'

interface Row extends NewPassage {
  readonly id: number
  readonly key: string
}

/**
 * A store for knowledge bases: passages in memory, searched by going through all of them.
 * @example
 * const ask = await runtime.task('knowledge-base', { model, store: pluginFunction() })
 */
export function pluginFunction(): Store {
  return { kind: 'store', version: 'v1', name: 'plugin-name', open: async () => collection() }
}

function collection(): Awaited<ReturnType<Store['open']>> {
  let [documents, rows, nextId, closed] = [new Map<string, Omit<NewDocument, 'passages'> & { readonly passages: number }>(), [] as readonly Row[], 0, false]
  let last: Promise<unknown> = Promise.resolve()
  const check = (signal?: AbortSignal) => {
    if (closed) throw new DisposedError({ what: 'store' })
    throwIfAborted(signal)
  }
  const frequency = (term: string) => rows.filter(({ terms }) => terms.includes(term)).length

  return {
    get size() {
      return { documents: documents.size, passages: rows.length }
    },
    async documents() {
      check()
      return [...documents.values()]
    },
    write({ put = [], describe = [], remove = [] }, { signal, onProgress } = {}) {
      const work = last.then(async () => {
        check(signal)
        const next = new Map(documents) // what is there stays as it is until all has been done
        const removed = remove.filter((key) => next.delete(key)).length
        const replaced = put.filter(({ key }) => next.delete(key)).length // so that it comes last, as its passages do
        for (const { key, ...changed } of describe) if (next.has(key)) next.set(key, { ...next.get(key)!, ...changed })
        const total = put.reduce((sum, { passages }) => sum + passages.length, 0)
        const added: Row[] = []
        for (const { passages, ...document } of put) {
          next.set(document.key, { ...document, passages: passages.length })
          for (const passage of passages) added.push({ ...passage, id: nextId + added.length, key: document.key })
          onProgress?.(added.length, total)
          await new Promise(setImmediate)
          check(signal)
        }
        const gone = new Set([...remove, ...put.map(({ key }) => key)])
        ;[documents, rows, nextId] = [next, [...rows.filter(({ key }) => !gone.has(key)), ...added], nextId + added.length]
        return { replaced, removed }
      })
      last = work.catch(() => undefined) // writes come one after another
      return work
    },
    async search({ vector, terms, limit, filter = {} }, { signal } = {}) {
      check(signal)
      const mean = rows.reduce((sum, row) => sum + new Set(row.terms).size, 0) / rows.length
      const rarities = terms.map((term) => Math.log(1 + (rows.length - frequency(term) + 0.5) / (frequency(term) + 0.5)))
      const scored = rows.flatMap((row): Candidate[] => {
        const { key, source, metadata } = documents.get(row.key)!
        if (!matches(filter, metadata)) return []
        const score = terms.reduce((sum, term, at) => sum + termScore(row.terms, term, rarities[at]!, mean), 0)
        return [{ id: row.id, document: { key, source, metadata }, passage: row.passage, cosine: row.vector.reduce((sum, value, at) => sum + value * vector[at]!, 0), bm25: score }]
      })
      const best = (by: 'cosine' | 'bm25', least: number) => scored.filter((each) => each[by] > least).sort((a, b) => b[by] - a[by] || a.id - b.id).slice(0, limit)
      const found = new Set([...best('cosine', -Infinity), ...best('bm25', 0)])
      return scored.filter((candidate) => found.has(candidate))
    },
    async frequencies(terms) {
      check()
      return terms.map(frequency)
    },
    async close() {
      closed = true
      await last
    },
  }
}

/** What a term adds to a passage's BM25+, as core says that every store computes it. */
function termScore(terms: readonly string[], term: string, rarity: number, mean: number): number {
  const count = terms.filter((each) => each === term).length
  if (count === 0) return 0
  const score = rarity * (bm25.delta + (count * (bm25.k1 + 1)) / (count + bm25.k1 * (1 - bm25.b + (bm25.b * new Set(terms).size) / mean)))
  return Math.round(score / bm25.grain) * bm25.grain
}
