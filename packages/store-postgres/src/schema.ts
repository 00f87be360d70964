import { checkEmbedder, NewerStoreError, StoreError, type EmbedderIdentity } from '@tenon/core'
import type { Run } from './database.js'

/** A schema's tables, quoted. */
export interface Tables {
  readonly schema: string
  readonly collection: string
  readonly documents: string
  readonly passages: string
  readonly postings: string
}

/** @param schema of letters, digits and underscores. */
export const tablesOf = (schema: string): Tables => ({
  schema: `"${schema}"`,
  collection: `"${schema}".collection`,
  documents: `"${schema}".documents`,
  passages: `"${schema}".passages`,
  postings: `"${schema}".postings`,
})

/** Each makes a format out of the one before; the first makes the first out of nothing. Those that were released stay as they are. */
const migrations: readonly ((tables: Tables, dimensions: number) => readonly string[])[] = [
  ({ collection, documents, passages, postings }, dimensions) => [
    // One row: what is true of all. Who writes holds it, so that writes come one after another.
    `create table ${collection} (
      format integer not null, dimensions integer not null, sample bytea not null,
      documents bigint not null default 0, passages bigint not null default 0, lengths bigint not null default 0,
      next_document bigint not null default 0, next_passage bigint not null default 0)`,
    // Keys may be longer than an index takes: their digests are not.
    `create table ${documents} (id bigint primary key, digest text not null unique, key text not null, source text not null, revision text not null, metadata jsonb not null, passages integer not null)`,
    `create table ${passages} (id bigint primary key, document bigint not null, length integer not null, content text not null, embedding vector(${dimensions}) not null)`,
    `create index on ${passages} (document)`,
    // With the passage's length, so that scoring reads nothing else.
    `create table ${postings} (term text collate "C" not null, passage bigint not null, count integer not null, length integer not null, primary key (term, passage))`,
    `create index on ${postings} (passage)`,
  ],
]

const own = '@tenon/store-postgres'

/**
 * Makes the tables, or brings those of an older release up to date, in one transaction.
 * @throws NewerStoreError, EmbedderMismatchError, StoreError
 */
export async function prepare(run: Run, tables: Tables, store: string, embedder: EmbedderIdentity, index: 'exact' | 'hnsw'): Promise<{ readonly iterativeScan: boolean }> {
  // Two that open at once would both find nothing.
  await run('select pg_advisory_xact_lock(hashtext($1))', [tables.schema])
  const [encoding] = await run('show server_encoding')
  if (encoding?.server_encoding !== 'UTF8') {
    throw new StoreError({ store, doing: 'opening', problem: `the database has the encoding ${String(encoding?.server_encoding)}`, remedy: "Create a database with encoding 'UTF8'" })
  }
  const [extension] = await run("select extversion from pg_extension where extname = 'vector'")
  if (extension === undefined) await run('create extension vector')
  await run(`create schema if not exists ${tables.schema}`)
  const [found] = await run('select to_regclass($1)::text as name', [tables.collection])
  const [{ format } = { format: 0 }] = found?.name == null ? [] : await run(`select format from ${tables.collection}`)
  if (Number(format) > migrations.length) throw new NewerStoreError({ store, found: Number(format), supported: migrations.length, by: own })
  for (const migration of migrations.slice(Number(format))) for (const statement of migration(tables, embedder.dimensions)) await run(statement)
  if (Number(format) === 0) {
    const sample = await embedder.sample()
    await run(`insert into ${tables.collection} (format, dimensions, sample) values ($1::int, $2::int, $3::bytea)`, [migrations.length, embedder.dimensions, bigEndian(sample)])
  } else {
    await run(`update ${tables.collection} set format = $1::int`, [migrations.length])
    const [held] = await run(`select dimensions, sample from ${tables.collection}`)
    await checkEmbedder(store, { dimensions: Number(held?.dimensions), sample: floats(held?.sample as Uint8Array, 0) }, embedder)
  }
  const version = String((await run("select extversion from pg_extension where extname = 'vector'"))[0]?.extversion)
  if (index === 'hnsw') await addIndex(run, tables, store, embedder.dimensions, version)
  return { iterativeScan: isFrom(version, [0, 8]) }
}

async function addIndex(run: Run, { passages }: Tables, store: string, dimensions: number, version: string): Promise<void> {
  const fail = (problem: string, remedy: string) => new StoreError({ store, doing: 'opening', problem, remedy })
  if (!isFrom(version, [0, 5])) throw fail(`pgvector ${version} has no HNSW index`, "Install pgvector 0.5 or later, or leave the option 'index' at 'exact'")
  if (dimensions > 2_000) throw fail(`an HNSW index holds up to 2000 dimensions, and these are ${dimensions}`, "Leave the option 'index' at 'exact'")
  // Vectors are of length 1: their inner product is the cosine.
  await run(`create index if not exists passages_embedding on ${passages} using hnsw (embedding vector_ip_ops)`)
}

function isFrom(version: string, [major, minor]: readonly [number, number]): boolean {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first > major || (first === major && second >= minor)
}

/** Numbers as Postgres' own binary form has them. */
function bigEndian(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, index) => view.setFloat32(index * 4, value))
  return new Uint8Array(view.buffer)
}

/** The other way round, from `offset` on. */
export function floats(bytes: Uint8Array, offset: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.byteLength - offset)
  return Float32Array.from({ length: view.byteLength / 4 }, (_, index) => view.getFloat32(index * 4))
}
