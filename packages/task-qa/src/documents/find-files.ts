import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingFileError, throwIfAborted } from '@tenon/core'

/** A file to read. */
export interface FoundFile {
  /** As the caller wrote it, or below what the caller wrote. */
  readonly path: string
  /** Its true place, by which it is known when it is added again. */
  readonly real: string
  readonly bytes: number
}

/** Files that were not opened, and why. */
export interface Skipped {
  readonly source: string
  readonly reason: string
}

const byName = (one: Dirent, other: Dirent) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)

/**
 * The files among and below `paths`, each once, in the order of the paths and then of the names. Below folders,
 * hidden entries and node_modules are left out; symbolic links are followed, and a folder is entered once. `folders` are
 * the true places of those that were entered.
 * @throws MissingFileError when one of `paths` does not exist.
 */
export async function findFiles(paths: readonly string[], signal?: AbortSignal): Promise<{ files: FoundFile[]; folders: string[]; skipped: Skipped[] }> {
  const files: FoundFile[] = []
  const folders: string[] = []
  const skipped: Skipped[] = []
  const seen = new Set<string>()

  const visit = async (path: string): Promise<void> => {
    throwIfAborted(signal)
    const real = await realpath(path)
    if (seen.has(real)) return
    seen.add(real)
    const found = await stat(real)
    if (found.isFile()) files.push({ path, real, bytes: found.size })
    else if (found.isDirectory()) {
      folders.push(real)
      const entries = await readdir(real, { withFileTypes: true })
      for (const entry of entries.sort(byName)) {
        if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
        const below = join(path, entry.name)
        try {
          await visit(below)
        } catch (error) {
          throwIfAborted(signal)
          skipped.push({ source: below, reason: `cannot be opened: ${(error as Error).message}` })
        }
      }
    } else skipped.push({ source: path, reason: 'is neither a file nor a folder' })
  }

  for (const path of paths) {
    try {
      await visit(path)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
      throw new MissingFileError({ path, purpose: 'it was to be added to the knowledge base', cause: error })
    }
  }
  return { files, folders, skipped }
}
