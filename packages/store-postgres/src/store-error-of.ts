import { StoreError } from '@tenon/core'

/** By the codes of Postgres; what has none of these is a connection that failed. */
const remedies: readonly (readonly [codes: RegExp, remedy: string])[] = [
  [/^(?:0A000|58P01|22023)$/, 'Install pgvector on the server (the package postgresql-NN-pgvector), or leave out the connection: the embedded database has it'],
  [/^42501$/, "Let an administrator run 'create extension vector', and grant the right to create schemas in this database"],
  [/^28/, 'Check user and password of the connection'],
  [/^3D000$/, 'Create the database, or name another in the connection'],
  [/^53/, 'Free space or connections on the server, and repeat'],
  [/^(?:22|23|42|XX)/, 'Report this, with the message: it is no fault of yours'],
]

/** @param doing what, as `'writing'`. */
export function storeErrorOf(error: unknown, store: string, doing: string): StoreError {
  const { code, message } = error as { code?: string; message?: string }
  const remedy = remedies.find(([codes]) => codes.test(code ?? ''))?.[1]
  return new StoreError({
    store,
    doing,
    problem: message === undefined || message === '' ? (code ?? String(error)) : message,
    remedy: remedy ?? (doing === 'writing' ? 'Check that the database runs, and repeat: it holds all of this change or nothing of it' : 'Check that the database runs, and repeat'),
    cause: error,
  })
}
