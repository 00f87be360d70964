import { readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { stampOf } from '@tenon/checkpoint'

/** Beside a kept file: what it was like when all of it was looked at. Its own time says when the file was last used. */
export const besides = (path: string): string => `${path}.checked`

/** Milliseconds after which whatever is written to a file gives it another time. */
const SETTLED = 100

/** Whether the file is what it was when it was looked at. */
export async function wasChecked(path: string, stamp: string): Promise<boolean> {
  return (await readFile(besides(path), 'utf8').catch(() => undefined)) === stamp
}

/**
 * Says that the file was looked at, and had that stamp before, unless it changed meanwhile or may yet without its times telling. Where
 * the folder cannot be written, the file is looked at each time.
 */
export async function markChecked(path: string, stamp: string): Promise<void> {
  const { ctimeMs } = await stat(path)
  if (Date.now() - ctimeMs < SETTLED || stampOf(path) !== stamp) return
  await writeFile(besides(path), stamp, { mode: 0o600 }).catch(() => undefined)
}

/** Says that the file is used now. */
export async function markUsed(path: string): Promise<void> {
  const now = new Date()
  await utimes(besides(path), now, now).catch(() => undefined)
}
