import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { inTransaction, type Database, type Parameter, type Row, type Run } from './database.js'

/** Postgres in WebAssembly computes where it is called, so it gets a thread of its own. */
const script = `
const { parentPort, workerData } = require('node:worker_threads')
const { PGlite } = require(workerData.pglite)
const { vector } = require(workerData.pgvector)
const opened = PGlite.create({ ...(workerData.folder && { dataDir: workerData.folder }), extensions: { vector } })
parentPort.on('message', async ({ id, sql, parameters }) => {
  try {
    const database = await opened
    if (sql === undefined) await database.close()
    const rows = sql === undefined ? [] : (await database.query(sql, parameters)).rows
    parentPort.postMessage({ id, rows })
  } catch (error) {
    parentPort.postMessage({ id, error: { message: String(error?.message ?? error), code: error?.code } })
  }
})`

interface Reply {
  readonly id: number
  readonly rows?: Row[]
  readonly error?: { readonly message: string; readonly code?: string }
}

/** An embedded Postgres. `kill` ends it as a crash would. */
export interface EmbeddedDatabase extends Database {
  kill(): Promise<void>
}

/** PGlite in a folder, or in memory where none is given. One process at a time may have a folder open: see `folder-lock.ts`. */
export async function embeddedDatabase(folder: string | undefined): Promise<EmbeddedDatabase> {
  // A bundle in CommonJS has no import.meta.url: the packages are then looked for from the program that was started.
  const { resolve } = createRequire(import.meta.url ?? process.argv[1] ?? join(process.cwd(), 'here'))
  const worker = new Worker(script, { eval: true, workerData: { folder, pglite: resolve('@electric-sql/pglite'), pgvector: resolve('@electric-sql/pglite-pgvector') } })
  const waiting = new Map<number, { resolve(rows: Row[]): void; reject(error: Error): void }>()
  let last = 0
  let gone: Error | undefined
  const end = (error: Error) => {
    gone ??= error
    for (const { reject } of waiting.values()) reject(gone)
    waiting.clear()
  }
  worker.on('error', end)
  worker.on('exit', () => end(new Error('the embedded database has ended')))
  worker.on('message', ({ id, rows = [], error }: Reply) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (waiting.size === 0) worker.unref()
    if (error === undefined) call?.resolve(rows)
    else call?.reject(Object.assign(new Error(error.message), { code: error.code }))
  })

  const send = (sql: string | undefined, parameters: readonly Parameter[] = []) =>
    new Promise<Row[]>((resolve, reject) => {
      if (gone !== undefined) return reject(gone)
      waiting.set(++last, { resolve, reject })
      worker.ref() // the process lives as long as something is asked
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
      worker.postMessage({ id: last, sql, parameters })
    })
  // There is one connection: who has it keeps it until its transaction ends.
  let turn: Promise<unknown> = Promise.resolve()
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work)
    turn = result
    return result
  }

  await send('select 1')
  return {
    query: (sql, parameters) => alone(() => send(sql, parameters)),
    transaction: (work) => alone(() => inTransaction(send as Run, work)),
    async close() {
      await alone(() => send(undefined)).catch(() => undefined)
      await worker.terminate()
    },
    async kill() {
      await worker.terminate()
    },
  }
}
