import { resolve } from 'node:path'
import type { Database } from './database.js'
import { embeddedDatabase } from './embedded-database.js'
import { lockFolder } from './folder-lock.js'

interface Shared {
  readonly database: Promise<Database>
  users: number
}

/** By folder: what this process has open, and what it is still closing. */
const open = new Map<string, Shared>()
const closing = new Map<string, Promise<void>>()

async function openLocked(folder: string): Promise<Database> {
  await closing.get(folder)
  const unlock = await lockFolder(folder)
  try {
    const database = await embeddedDatabase(folder)
    return { ...database, close: () => database.close().finally(unlock) }
  } catch (error) {
    await unlock()
    throw error
  }
}

function leave(folder: string, shared: Shared): Promise<void> {
  if (--shared.users > 0) return Promise.resolve()
  open.delete(folder)
  const closed = shared.database.then((database) => database.close(), () => undefined)
  closing.set(folder, closed)
  return closed.finally(() => closing.get(folder) === closed && closing.delete(folder))
}

/** The embedded database of a folder: opened once, however many in this process use it, and closed with the last. */
export async function sharedDatabase(folder: string): Promise<Database> {
  const path = resolve(folder)
  const shared = open.get(path) ?? { database: openLocked(path), users: 0 }
  open.set(path, shared)
  shared.users++
  try {
    const database = await shared.database
    let left: Promise<void> | undefined
    return { ...database, close: () => (left ??= leave(path, shared)) }
  } catch (error) {
    await leave(path, shared)
    throw error
  }
}
