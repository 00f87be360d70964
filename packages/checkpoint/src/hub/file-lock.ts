import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { isAbsent } from '../is-absent.js'
import { pause } from './pause.js'

/** How often the holder shows that it lives, and how often others look. */
const HEARTBEAT = 1000
const LOOK = 100

/** An owner on this machine whose process is gone has lost its lock after two missed heartbeats; any other after 30. */
const GONE = 2 * HEARTBEAT
const SILENT = 30 * HEARTBEAT

/** Locks that this process holds: a lock with its own number and not among them is from a process that had it before. */
const ours = new Set<string>()

export interface LockOptions {
  readonly signal: AbortSignal
  /** Called once when somebody else holds the lock. */
  readonly onWait?: (() => void) | undefined
}

/** @param isHeld Whether the lock is still ours: it is not after this process stood still for so long that it passed for dead. */
export type LockedWork<T> = (isHeld: () => Promise<boolean>) => Promise<T>

/**
 * Runs work while no other process that uses this function runs work under the same path. The lock is a file that names
 * its owner and whose time the owner renews; one that is renewed no more is taken over. A clock that runs differently
 * elsewhere does no harm: what counts is whether the file changes.
 * @throws AbortedError while waiting, and what the work throws.
 */
export async function withFileLock<T>(path: string, { signal, onWait }: LockOptions, work: LockedWork<T>): Promise<T> {
  const token = randomUUID()
  await mkdir(dirname(path), { recursive: true })
  await acquire(path, token, signal, onWait)
  let asked = performance.now()
  const isHeld = async () => {
    if (performance.now() - asked < HEARTBEAT) return true // nobody takes it over so soon
    const held = (await ownerOf(path))?.token === token
    asked = performance.now()
    return held
  }
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => undefined) // whether it is still ours is asked where it matters
  }, HEARTBEAT)
  heartbeat.unref()
  try {
    return await work(isHeld)
  } finally {
    clearInterval(heartbeat)
    if ((await ownerOf(path).catch(() => undefined))?.token === token) await rm(path, { force: true }).catch(() => undefined)
    ours.delete(token)
  }
}

async function acquire(path: string, token: string, signal: AbortSignal, onWait: (() => void) | undefined): Promise<void> {
  let seen: { readonly state: string; readonly since: number } | undefined
  for (let round = 0; ; round++) {
    if (await create(path, token)) return
    if (round === 1) onWait?.()
    const state = await stateOf(path)
    if (state === undefined) continue // it has just been let go
    const key = JSON.stringify(state)
    if (seen?.state !== key) seen = { state: key, since: performance.now() }
    const unchanged = performance.now() - seen.since
    const isLost = unchanged >= SILENT || (isGone(state.owner) && unchanged >= GONE)
    if (!isLost || !(await remove(path, state.owner?.token))) await pause(LOOK, signal)
  }
}

async function create(path: string, token: string): Promise<boolean> {
  ours.add(token)
  try {
    await writeFile(path, JSON.stringify({ token, process: process.pid, host: hostname() }), { flag: 'wx' })
    return true
  } catch (error) {
    ours.delete(token)
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

interface Owner {
  readonly token: string
  readonly process: number
  readonly host: string
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner
  } catch (error) {
    if (isAbsent(error) || error instanceof SyntaxError) return undefined // it is being written
    throw error
  }
}

async function stateOf(path: string): Promise<{ readonly time: number; readonly owner: Owner | undefined } | undefined> {
  try {
    const { mtimeMs } = await stat(path)
    return { time: mtimeMs, owner: await ownerOf(path) }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether the owner can be seen to be gone. A process of this number may live in another container of the same host name, and renews. */
function isGone(owner: Owner | undefined): boolean {
  if (owner?.host !== hostname()) return false
  if (owner.process === process.pid) return !ours.has(owner.token)
  try {
    process.kill(owner.process, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Removes the lock of an owner that is gone, and no other: somebody else may have taken it over a moment ago. One at a time does that;
 * of two, the second would carry off what the first has just taken.
 * @returns False where somebody else is at it.
 */
async function remove(path: string, token: string | undefined): Promise<boolean> {
  const claim = `${path}.taking-over`
  try {
    await writeFile(claim, '', { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const { mtimeMs = Date.now() } = (await stat(claim).catch(() => undefined)) ?? {}
    if (Date.now() - mtimeMs > SILENT) await rm(claim, { force: true }) // whoever claimed it is gone, too
    return false
  }
  try {
    if ((await ownerOf(path))?.token === token) await carryOff(path, token)
    return true
  } finally {
    await rm(claim, { force: true })
  }
}

async function carryOff(path: string, token: string | undefined): Promise<void> {
  const aside = `${path}.${randomUUID().slice(0, 8)}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (isAbsent(error)) return
    throw error
  }
  if ((await ownerOf(aside))?.token !== token) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}
