import { checkOptions, DisposedError, InvalidOptionError, TenonError, throwIfAborted, type Collection, type EmbedderIdentity, type Metadata, type Store, type StoredDocument } from '@tenon/core'
import type { Database } from './database.js'
import { embeddedDatabase } from './embedded-database.js'
import { prepare, tablesOf } from './schema.js'
import { search, searchDepth } from './search.js'
import { serverDatabase } from './server-database.js'
import { sharedDatabase } from './shared-database.js'
import { storeErrorOf } from './store-error-of.js'
import { termKey } from './term-key.js'
import { write } from './write.js'

export interface PostgresStoreOptions {
  /** A server, as `'postgres://user:password@host/database'`; needs the package pg. Default: an embedded Postgres. */
  readonly connection?: string
  /** The folder of the embedded Postgres. Default: in memory, empty each time it is opened. */
  readonly folder?: string
  /** The schema that holds the tables, one for each knowledge base of a database. Default `'tenon'`. */
  readonly schema?: string
  /** How vectors are searched: all of them, or by an HNSW index, which is faster from some 10,000 passages on and may miss some. Default `'exact'`. */
  readonly index?: 'exact' | 'hnsw'
}

/**
 * Passages in Postgres with pgvector, embedded or on a server: the same SQL. Many processes may share a server; the folder
 * of an embedded one is for one process at a time.
 *
 * @example
 * const ask = await runtime.task('knowledge-base', { model, store: postgresStore({ connection: process.env.DATABASE_URL }) })
 * @throws InvalidOptionError
 */
export function postgresStore(options: PostgresStoreOptions = {}): Store {
  const where = 'postgresStore()'
  checkOptions(where, options, ['connection', 'folder', 'schema', 'index'])
  const { connection, folder, schema = 'tenon', index = 'exact' } = options
  const refuse = (option: string, problem: string, remedy: string) => new InvalidOptionError({ where, option, problem, remedy })
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) throw refuse('schema', `is '${schema}'`, 'Pass up to 63 small letters, digits and underscores, beginning with no digit')
  if (index !== 'exact' && index !== 'hnsw') throw refuse('index', `is '${String(index)}'`, "Pass 'exact' or 'hnsw'")
  if (connection !== undefined && folder !== undefined) throw refuse('folder', 'is given beside a connection', 'Pass one of them')
  for (const [option, value] of Object.entries({ connection, folder })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw refuse(option, 'is no text', 'Pass one, or leave it out')
  }
  const name = connection === undefined ? `Postgres in ${folder ?? 'memory'}` : `Postgres at ${withoutPassword(connection)}`
  const open = () => (connection !== undefined ? serverDatabase(connection, name) : folder !== undefined ? sharedDatabase(folder) : embeddedDatabase(undefined))
  return createPostgresStore(open, { name, schema, index })
}

/** What may be said of a connection aloud. */
function withoutPassword(connection: string): string {
  try {
    const { host, pathname } = new URL(connection)
    return `${host}${pathname}`
  } catch {
    return 'a server'
  }
}

export function createPostgresStore(connect: () => Promise<Database>, { name, schema, index }: { name: string; schema: string; index: 'exact' | 'hnsw' }): Store {
  return {
    kind: 'store',
    version: 'v1',
    name: 'postgres',
    async open(embedder: EmbedderIdentity, { signal } = {}): Promise<Collection> {
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
      const { iterativeScan } = await guarded('opening', () => database.transaction((run) => prepare(run, tables, name, embedder, index))).catch(async (error: unknown) => {
        await database.close().catch(() => undefined)
        throw error
      })
      let size = { documents: 0, passages: 0 }
      let closed: Promise<void> | undefined
      const use = async <T>(doing: string, abort: AbortSignal | undefined, work: () => Promise<T>): Promise<T> => {
        if (closed !== undefined) throw new DisposedError({ what: 'store' })
        throwIfAborted(abort)
        const result = await guarded(doing, work)
        throwIfAborted(abort)
        return result
      }
      const collection: Collection = {
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
        search: (query, options = {}) =>
          use('searching', options.signal, async () => {
            const found = await (index === 'exact' ? search(database.query, tables, query, index) : database.transaction(async (run) => {
              await run(`set local hnsw.ef_search = ${searchDepth(query.limit)}`)
              // Where a filter leaves few of what the index gives, it gives more.
              if (iterativeScan) await run('set local hnsw.iterative_scan = strict_order')
              return search(run, tables, query, index)
            }))
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
      await collection.documents().catch(async (error: unknown) => {
        await collection.close().catch(() => undefined)
        throw error
      })
      return collection
    },
  }
}
