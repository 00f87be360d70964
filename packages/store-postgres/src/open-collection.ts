import { DisposedError, TenonError, throwIfAborted, type Candidate, type Collection, type EmbedderIdentity, type Metadata, type Query, type StoredDocument } from '@tenon/core'
import type { Database } from './database.js'
import { prepare, tablesOf, type Tables } from './schema.js'
import { search, searchDepth, type Found } from './search.js'
import { storeErrorOf } from './store-error-of.js'
import { termKey } from './term-key.js'
import { write } from './write.js'

export interface CollectionOptions {
  /** The store, as errors name it. */
  readonly name: string
  readonly schema: string
  readonly index: 'exact' | 'hnsw'
}

/**
 * Connects, makes or updates the tables, and opens what is in them.
 * @throws EmbedderMismatchError, NewerStoreError, StoreError, AbortedError
 */
export async function openCollection(connect: () => Promise<Database>, embedder: EmbedderIdentity, { name, schema, index }: CollectionOptions, signal: AbortSignal | undefined): Promise<Collection> {
  throwIfAborted(signal)
  const tables = tablesOf(schema)
  /** What fails below becomes a coded error. */
  const guarded = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw TenonError.isInstance(error) ? error : storeErrorOf(error, name, doing)
    }
  }
  const database = await guarded('opening', connect)
  try {
    const { iterativeScan } = await guarded('opening', () => database.transaction((run) => prepare(run, tables, name, embedder, index)))
    const find = (query: Query) => (index === 'exact' ? search(database.query, tables, query, index) : searchByIndex(database, tables, query, iterativeScan))
    const collection = collectionOf(database, tables, guarded, find)
    await collection.documents()
    return collection
  } catch (error) {
    await database.close().catch(() => undefined)
    throw error
  }
}

function searchByIndex(database: Database, tables: Tables, query: Query, iterativeScan: boolean): Promise<Found> {
  return database.transaction(async (run) => {
    await run(`set local hnsw.ef_search = ${searchDepth(query.limit)}`)
    // Where a filter leaves few of what the index gives, it gives more.
    if (iterativeScan) await run('set local hnsw.iterative_scan = strict_order')
    return search(run, tables, query, 'hnsw')
  })
}

type Guarded = <T>(doing: string, work: () => Promise<T>) => Promise<T>

function collectionOf(database: Database, tables: Tables, guarded: Guarded, find: (query: Query) => Promise<Found>): Collection {
  let size = { documents: 0, passages: 0 }
  let closed: Promise<void> | undefined
  const use = async <T>(doing: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
    if (closed !== undefined) throw new DisposedError({ what: 'store' })
    throwIfAborted(signal)
    const result = await guarded(doing, work)
    throwIfAborted(signal)
    return result
  }
  return {
    get size() {
      return size
    },
    documents: () =>
      use('reading', undefined, async () => {
        const rows = await database.query(`select key, source, revision, metadata::text as metadata, passages from ${tables.documents} order by id`)
        const documents = rows.map(({ key, source, revision, metadata, passages }) => ({ key, source, revision, metadata: JSON.parse(metadata as string) as Metadata, passages: Number(passages) }) as StoredDocument)
        size = { documents: documents.length, passages: documents.reduce((sum, { passages }) => sum + passages, 0) }
        return documents
      }),
    async write(change, options = {}) {
      // Once committed it is there, whatever the signal says then.
      const written = await use('writing', undefined, () => {
        throwIfAborted(options.signal)
        return database.transaction((run) => write(run, tables, change, options))
      })
      size = written.size
      return { replaced: written.replaced, removed: written.removed }
    },
    search: (query, { signal } = {}) =>
      use('searching', signal, async (): Promise<Candidate[]> => {
        const found = await find(query)
        size = found.size ?? size
        return found.candidates
      }),
    frequencies: (terms) =>
      use('searching', undefined, async () => {
        const rows = await database.query(
          `select count(p.passage) as count from unnest($1::text[]) with ordinality as asked (term, place) left join ${tables.postings} as p using (term) group by place order by place`,
          [terms.map(termKey)],
        )
        return rows.map(({ count }) => Number(count))
      }),
    close: () => (closed ??= database.close()),
  }
}
