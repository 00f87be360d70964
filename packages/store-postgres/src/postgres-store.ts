import { checkOptions, InvalidOptionError, type Store } from '@tenon/core'
import type { Database } from './database.js'
import { embeddedDatabase } from './embedded-database.js'
import { openCollection, type CollectionOptions } from './open-collection.js'
import { serverDatabase } from './server-database.js'
import { sharedDatabase } from './shared-database.js'

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

/** @param connect Called by each opening. */
export function createPostgresStore(connect: () => Promise<Database>, options: CollectionOptions): Store {
  return { kind: 'store', version: 'v1', name: 'postgres', open: (embedder, { signal } = {}) => openCollection(connect, embedder, options, signal) }
}
