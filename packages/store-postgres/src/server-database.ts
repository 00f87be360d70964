import { StoreError } from '@tenon/core'
import { inTransaction, type Database, type Parameter, type Row } from './database.js'

/** What is used of the package pg, which is installed by those who have a server. */
interface Client {
  query(sql: string, parameters: unknown[]): Promise<{ readonly rows: Row[] }>
  release(error?: boolean): void
  on(event: 'error', listener: () => void): void
  off(event: 'error', listener: () => void): void
}
interface Pool extends Omit<Client, 'release' | 'off'> {
  connect(): Promise<Client>
  end(): Promise<void>
}
interface Pg {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool
}

/** Beside a write, as many searches at a time as this less one. */
const connections = 4

const name: string = 'pg' // no literal in import(): it may be absent
const importPg = (): Promise<unknown> => import(name)

async function loadPg(store: string, load: () => Promise<unknown>): Promise<Pg> {
  try {
    const module = (await load()) as Pg & { readonly default?: Pg }
    return module.default ?? module
  } catch (cause) {
    throw new StoreError({ store, doing: 'opening', problem: "the package 'pg', which talks to servers, is not installed", remedy: 'Run npm install pg, or leave out the connection to use the embedded database', cause })
  }
}

/** A server, reached through the package pg. @throws StoreError when that is not installed. */
export async function serverDatabase(connection: string, store: string, load = importPg): Promise<Database> {
  const { Pool } = await loadPg(store, load)
  const pool = new Pool({ connectionString: connection, max: connections })
  // An idle connection that is lost is replaced when it is needed; without a listener it would end the process.
  pool.on('error', () => undefined)
  const bytes = (parameter: Parameter) => (parameter instanceof Uint8Array ? Buffer.from(parameter) : parameter)
  return {
    query: async (sql, parameters = []) => (await pool.query(sql, parameters.map(bytes))).rows,
    async transaction(work) {
      const client = await pool.connect()
      let broken = false
      const onError = () => void (broken = true)
      client.on('error', onError)
      try {
        return await inTransaction(async (sql, parameters = []) => (await client.query(sql, parameters.map(bytes))).rows, work)
      } catch (error) {
        broken = true // rather a new connection than one in an unknown state
        throw error
      } finally {
        client.off('error', onError)
        client.release(broken)
      }
    },
    close: () => pool.end(),
  }
}
