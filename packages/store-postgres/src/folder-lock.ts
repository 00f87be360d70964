import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { StoreError } from '@tenon/core'

/** How often an owner shows that it lives, and after how long without a sign another may take its place, milliseconds. */
const beat = 10_000
const patience = 60_000

interface Owner {
  readonly host: string
  readonly process: number
  readonly token: string
}

const isAlive = (process_: number) => {
  try {
    process.kill(process_, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * An embedded Postgres knows nothing of other processes: two on one folder would destroy it. So who opens it writes a file
 * beside it, and touches that as long as it lives.
 * @returns how to let go.
 * @throws StoreError when another process has the folder open.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = `${folder}.lock`
  const own: Owner = { host: hostname(), process: process.pid, token: randomUUID() }
  await mkdir(folder, { recursive: true })
  const taken = () => writeFile(path, JSON.stringify(own), { flag: 'wx' }).then(() => true, (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return false
    throw error
  })
  const owner = async () => JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Partial<Owner>
  if (!(await taken())) {
    const other = await owner()
    const here = other.host === own.host && other.process !== undefined
    // This process has it open no more: whoever calls here has looked.
    const left = here && (other.process === process.pid || !isAlive(other.process as number))
    const silent = await stat(path).then(({ mtimeMs }) => Date.now() - mtimeMs > patience, () => true)
    if (left || silent) await rm(path, { force: true })
    if (!(left || silent) || !(await taken()) || (await owner()).token !== own.token) {
      throw new StoreError({
        store: folder,
        doing: 'opening',
        problem: `process ${other.process ?? 'unknown'} on ${other.host ?? 'some machine'} has it open`,
        remedy: `Close it there, or pass a connection to a server that many processes may use; if that process is gone, remove ${path}`,
      })
    }
  }
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), beat).unref()
  return async () => {
    clearInterval(timer)
    if ((await owner().catch((): Partial<Owner> => ({}))).token === own.token) await rm(path, { force: true })
  }
}
