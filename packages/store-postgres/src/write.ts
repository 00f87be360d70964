import { throwIfAborted, type Change, type NewDocument } from '@tenon/core'
import type { Run } from './database.js'
import type { Tables } from './schema.js'
import { digest, termKey } from './term-key.js'

/** Passages sent at a time: half a megabyte at 384 dimensions. */
const batch = 100

export interface WriteOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

export interface Written {
  readonly replaced: number
  readonly removed: number
  readonly size: { readonly documents: number; readonly passages: number }
}

/** Makes a change within a transaction. */
export async function write(run: Run, tables: Tables, { put = [], describe = [], remove = [] }: Change, { signal, onProgress }: WriteOptions): Promise<Written> {
  // Whoever writes waits here for whoever was first.
  const [totals] = await run(`select documents, passages, lengths, next_document, next_passage from ${tables.collection} for update`)
  throwIfAborted(signal)
  const gone = await removeDocuments(run, tables, [...remove, ...put.map(({ key }) => key)])
  const removed = remove.filter((key) => gone.digests.has(digest(key))).length
  const replaced = put.filter(({ key }) => gone.digests.has(digest(key))).length
  if (describe.length > 0) {
    await run(
      `update ${tables.documents} as d set source = n.source, metadata = n.metadata::jsonb
       from unnest($1::text[], $2::text[], $3::text[]) as n (digest, source, metadata) where d.digest = n.digest`,
      [describe.map(({ key }) => digest(key)), describe.map(({ source }) => source), describe.map(({ metadata }) => JSON.stringify(metadata))],
    )
  }
  const firstDocument = Number(totals?.next_document)
  const added = await addPassages(run, tables, put, { document: firstDocument, passage: Number(totals?.next_passage) }, { ...(signal && { signal }), ...(onProgress && { onProgress }) })
  await run(
    `insert into ${tables.documents} (id, digest, key, source, revision, metadata, passages)
     select id, digest, key, source, revision, metadata::jsonb, passages
     from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[]) as n (id, digest, key, source, revision, metadata, passages)`,
    [
      put.map((_, index) => String(firstDocument + index)),
      put.map(({ key }) => digest(key)),
      put.map(({ key }) => key),
      put.map(({ source }) => source),
      put.map(({ revision }) => revision),
      put.map(({ metadata }) => JSON.stringify(metadata)),
      put.map(({ passages }) => passages.length),
    ],
  )
  const size = { documents: Number(totals?.documents) - gone.digests.size + put.length, passages: Number(totals?.passages) - gone.passages + added.passages }
  await run(`update ${tables.collection} set documents = $1::bigint, passages = $2::bigint, lengths = lengths + $3::bigint, next_document = $4::bigint, next_passage = next_passage + $5::bigint`, [
    size.documents,
    size.passages,
    added.lengths - gone.lengths,
    firstDocument + put.length,
    added.passages,
  ])
  throwIfAborted(signal)
  return { replaced, removed, size }
}

async function removeDocuments(run: Run, tables: Tables, keys: readonly string[]): Promise<{ digests: Set<string>; passages: number; lengths: number }> {
  if (keys.length === 0) return { digests: new Set(), passages: 0, lengths: 0 }
  const rows = await run(`delete from ${tables.documents} where digest = any($1::text[]) returning id, digest`, [keys.map(digest)])
  const [count] = await run(
    `with gone as (delete from ${tables.passages} where document = any($1::bigint[]) returning id, length),
     unlisted as (delete from ${tables.postings} where passage in (select id from gone))
     select count(*) as passages, coalesce(sum(length), 0) as lengths from gone`,
    [rows.map(({ id }) => String(id))],
  )
  return { digests: new Set(rows.map((row) => row.digest as string)), passages: Number(count?.passages), lengths: Number(count?.lengths) }
}

async function addPassages(run: Run, tables: Tables, documents: readonly NewDocument[], first: { document: number; passage: number }, { signal, onProgress }: WriteOptions): Promise<{ passages: number; lengths: number }> {
  const all = documents.flatMap(({ passages }, index) => passages.map((passage) => ({ ...passage, document: first.document + index })))
  let lengths = 0
  for (let from = 0; from < all.length; from += batch) {
    throwIfAborted(signal)
    const some = all.slice(from, from + batch).map((passage, index) => {
      const counts = new Map<string, number>()
      for (const term of passage.terms) counts.set(termKey(term), (counts.get(termKey(term)) ?? 0) + 1)
      return { ...passage, id: first.passage + from + index, counts }
    })
    lengths += some.reduce((sum, { counts }) => sum + counts.size, 0)
    await run(
      `insert into ${tables.passages} (id, document, length, content, embedding)
       select id, document, length, content, embedding::vector from unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[]) as n (id, document, length, content, embedding)`,
      [some.map(({ id }) => String(id)), some.map(({ document }) => String(document)), some.map(({ counts }) => counts.size), some.map(({ passage }) => JSON.stringify(passage)), some.map(({ vector }) => `[${vector.join(',')}]`)],
    )
    const postings = some.flatMap(({ id, counts }) => [...counts].map(([term, count]) => ({ term, passage: String(id), count, length: counts.size })))
    await run(
      `insert into ${tables.postings} (term, passage, count, length) select * from unnest($1::text[], $2::bigint[], $3::int[], $4::int[])`,
      [postings.map(({ term }) => term), postings.map(({ passage }) => passage), postings.map(({ count }) => count), postings.map(({ length }) => length)],
    )
    onProgress?.(from + some.length, all.length)
  }
  return { passages: all.length, lengths }
}
