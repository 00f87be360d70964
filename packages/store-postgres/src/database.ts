export type Parameter = string | number | Uint8Array | readonly string[] | readonly number[]
export type Row = Readonly<Record<string, unknown>>
export type Run = (sql: string, parameters?: readonly Parameter[]) => Promise<Row[]>

/** What the store needs of a Postgres, embedded or not: two ways to run the same SQL. */
export interface Database {
  readonly query: Run
  /** Commits what `work` did, or nothing of it when that throws. */
  transaction<T>(work: (run: Run) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** @returns what `work` does, between `begin` and `commit` or `rollback`. */
export async function inTransaction<T>(run: Run, work: (run: Run) => Promise<T>): Promise<T> {
  await run('begin')
  try {
    const result = await work(run)
    await run('commit')
    return result
  } catch (error) {
    // Where the connection is gone, so is the transaction.
    await run('rollback').catch(() => undefined)
    throw error
  }
}
