import { bm25, type Candidate, type Metadata, type Query, type StoredPassage } from '@tenon/core'
import type { Parameter, Run } from './database.js'
import { filterSql } from './filter-sql.js'
import { floats, type Tables } from './schema.js'
import { termKey } from './term-key.js'

/**
 * pgvector adds in 32 bits, and so may put vectors of nearly the same cosine in another order than they have: so many more
 * than asked for are fetched, and their cosines computed again from the vectors themselves.
 */
const spare = 16

/** One statement, so that all of it sees the same moment. Its names: `near` by cosine, `worded` by BM25, `best` of these. */
function statement(tables: Tables, { vector, terms, limit, filter }: Query, index: 'exact' | 'hnsw'): { sql: string; parameters: Parameter[] } {
  const parameters: Parameter[] = []
  const bind = (parameter: Parameter) => `$${parameters.push(parameter)}`
  const query = `${bind(`[${vector.join(',')}]`)}::vector`
  const question = `${bind(terms.map(termKey))}::text[]`
  const most = `${bind(limit)}::int`
  const more = `${bind(limit + spare)}::int`
  const allowed = filter === undefined ? '' : `document in (select id from ${tables.documents} where ${filterSql(filter, 'metadata', bind)})`
  // The index orders by distance alone.
  const nearest =
    index === 'hnsw'
      ? `select id from (select id, embedding <#> ${query} as distance from ${tables.passages} ${allowed && `where ${allowed}`} order by embedding <#> ${query} limit ${more}) as close order by distance, id`
      : `select id from ${tables.passages} ${allowed && `where ${allowed}`} order by embedding <#> ${query}, id limit ${more}`
  const sql = `
    with near as materialized (${nearest}),
    totals as materialized (select documents, passages, lengths, lengths::float8 / nullif(passages, 0) as mean from ${tables.collection}),
    rarity as materialized (
      select term, ln(1 + (passages - count + 0.5::float8) / (count + 0.5::float8)) as weight
      from totals, (select term, count(*) as count from ${tables.postings} where term = any(${question}) group by term) as counted),
    worded as materialized (
      select passage as id, sum(round(weight * (${bm25.delta}::float8 + count * (${bm25.k1}::float8 + 1) / (count + ${bm25.k1}::float8 * (1 - ${bm25.b}::float8 + ${bm25.b}::float8 * length / mean))) / ${bm25.grain}::float8)) * ${bm25.grain}::float8 as score
      from totals, rarity join ${tables.postings} using (term) where term = any(${question}) group by passage),
    best as materialized (
      select worded.id from worded ${allowed && `join ${tables.passages} as p on p.id = worded.id and p.${allowed}`} order by score desc, worded.id limit ${most})
    select p.id, d.key, d.source, d.metadata::text as metadata, p.content, vector_send(p.embedding) as vector,
      coalesce(worded.score, 0) as score, p.id in (select id from near) as near, p.id in (select id from best) as best, totals.documents, totals.passages
    from ${tables.passages} as p join ${tables.documents} as d on d.id = p.document left join worded on worded.id = p.id cross join totals
    where p.id in (select id from near union all select id from best) order by p.id`
  return { sql, parameters }
}

export interface Found {
  readonly candidates: Candidate[]
  /** As of this search; `undefined` when it found nothing. */
  readonly size: { readonly documents: number; readonly passages: number } | undefined
}

export async function search(run: Run, tables: Tables, query: Query, index: 'exact' | 'hnsw'): Promise<Found> {
  const { sql, parameters } = statement(tables, query, index)
  const rows = (await run(sql, parameters)).map((row) => {
    const vector = floats(row.vector as Uint8Array, 4) // after the number of dimensions
    const candidate: Candidate = {
      id: Number(row.id),
      document: { key: row.key as string, source: row.source as string, metadata: JSON.parse(row.metadata as string) as Metadata },
      passage: JSON.parse(row.content as string) as StoredPassage,
      cosine: query.vector.reduce((sum, value, at) => sum + value * (vector[at] as number), 0),
      bm25: Number(row.score),
    }
    return { candidate, near: row.near as boolean, best: row.best as boolean, documents: Number(row.documents), passages: Number(row.passages) }
  })
  const near = rows.filter((row) => row.near).sort((one, other) => other.candidate.cosine - one.candidate.cosine || one.candidate.id - other.candidate.id)
  const kept = new Set(near.slice(0, query.limit))
  const [first] = rows
  return {
    candidates: rows.filter((row) => row.best || kept.has(row)).map(({ candidate }) => candidate),
    size: first && { documents: first.documents, passages: first.passages },
  }
}

/** How far into the graph an HNSW index is searched: pgvector's own default, more where more are wanted, and its own limit. */
export const searchDepth = (limit: number): number => Math.min(1_000, Math.max(40, 2 * (limit + spare)))
