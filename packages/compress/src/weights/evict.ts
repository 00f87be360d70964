import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { besides } from './checked.js'
import { ABANDONED } from './write-kept.js'

/** Milliseconds within which a file that was used may still be about to be mapped. */
const IN_USE = 3600 * 1000

/** What is named by a key is ours: the folder may be one that somebody has other models in. */
const isOurs = (name: string): boolean => /-[0-9a-f]{40}\.safetensors/.test(name)

/**
 * Removes those kept files that were not used for longest until the rest takes no more than `most` bytes, and what processes that
 * ended in the middle left behind. Files used within the hour stay. One that a process has mapped stays there for it (on Windows:
 * cannot be removed yet).
 */
export async function evict(folder: string, most: number, now = Date.now()): Promise<void> {
  const names = (await readdir(folder).catch((): readonly string[] => [])).filter(isOurs)
  const looked = await Promise.all(names.map(async (name) => ({ path: join(folder, name), stats: await stat(join(folder, name)).catch(() => undefined) })))
  const remove = (path: string) => rm(path, { force: true }).catch(() => undefined)
  for (const { path, stats } of looked) if (path.endsWith('.tmp') && stats !== undefined && now - stats.mtimeMs > ABANDONED) await remove(path)
  for (const name of names) if (name.endsWith(besides('')) && !names.includes(name.slice(0, -besides('').length))) await remove(join(folder, name))

  const times = new Map(looked.map(({ path, stats }) => [path, stats?.mtimeMs ?? 0]))
  const kept = looked.flatMap(({ path, stats }) => (path.endsWith('.safetensors') && stats?.isFile() ? [{ path, size: stats.size, used: Math.max(stats.mtimeMs, times.get(besides(path)) ?? 0) }] : []))
  let total = kept.reduce((sum, { size }) => sum + size, 0)
  for (const { path, size, used } of kept.toSorted((a, b) => a.used - b.used)) {
    if (total <= most || now - used < IN_USE) return
    await remove(path)
    await remove(besides(path))
    total -= size
  }
}
