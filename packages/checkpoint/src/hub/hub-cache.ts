import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { isAbsent } from '../is-absent.js'
import { isCommit } from './repository.js'

/**
 * The cache of one repository, in the layout of the Python library huggingface_hub:
 * `blobs/<etag>`, `snapshots/<commit>/<file>` → the blob, `refs/<revision>` with a commit, `trees/<commit>.json` with what
 * the commit holds, `.no_exist/<commit>/<file>` for what it does not. Locks lie in `.locks` beside the repositories.
 */
export interface HubCache {
  /** `…/models--owner--name` */
  readonly folder: string
  snapshot(commit: string): string
  /** Where a file of a commit is, if it is held. */
  pointer(commit: string, file: string): string
  blob(etag: string): string
  lock(etag: string): string
  readRef(revision: string): Promise<string | undefined>
  writeRef(revision: string, commit: string): Promise<void>
  /** Notes that a commit has no such file. */
  noteAbsent(commit: string, file: string): Promise<void>
  isKnownAbsent(commit: string, file: string): Promise<boolean>
  /** Makes a blob a file of a commit: by a link or, where links are impossible, by a copy, or by moving a `fresh` blob. */
  point(commit: string, file: string, etag: string, fresh: boolean): Promise<void>
  tree(commit: string): string
}

/** @param links Whether links may be tried. */
export function hubCache(root: string, id: string, links: boolean): HubCache {
  const name = `models--${id.replaceAll('/', '--')}`
  const folder = join(root, name)
  const pointer = (commit: string, file: string) => join(folder, 'snapshots', commit, file)
  const blob = (etag: string) => join(folder, 'blobs', etag)
  const refs = (revision: string) => join(folder, 'refs', revision)
  const missing = (commit: string, file: string) => join(folder, '.no_exist', commit, file)
  return {
    folder,
    snapshot: (commit) => join(folder, 'snapshots', commit),
    pointer,
    blob,
    // Not the Python library's own lock files: it locks those with flock, which Node has not, and leaves them lying there.
    lock: (etag) => join(root, '.locks', name, `${etag}.tenon.lock`),
    async readRef(revision) {
      const commit = await readFile(refs(revision), 'utf8').catch(() => '')
      return isCommit(commit.trim()) ? commit.trim() : undefined
    },
    async writeRef(revision, commit) {
      if (revision === commit || (await this.readRef(revision)) === commit) return
      await writeWhole(refs(revision), commit)
    },
    async noteAbsent(commit, file) {
      await mkdir(dirname(missing(commit, file)), { recursive: true })
      await writeFile(missing(commit, file), '', { flag: 'a' })
    },
    isKnownAbsent: (commit, file) => stat(missing(commit, file)).then((stats) => stats.isFile(), () => false),
    async point(commit, file, etag, fresh) {
      const path = pointer(commit, file)
      await mkdir(dirname(path), { recursive: true })
      const temporary = `${blob(etag)}.${randomUUID().slice(0, 8)}.tmp` // not in the snapshot, where it would pass for a file
      if (links && (await linked(relative(dirname(path), blob(etag)), temporary))) return rename(temporary, path)
      if (fresh) return rename(blob(etag), path)
      try {
        await copyFile(blob(etag), temporary)
        await rename(temporary, path)
      } finally {
        await rm(temporary, { force: true })
      }
    },
    tree: (commit) => join(folder, 'trees', `${commit}.json`),
  }
}

/** Whether a link could be made; Windows without developer mode and some file systems have none. */
async function linked(target: string, path: string): Promise<boolean> {
  try {
    await symlink(target, path, 'file')
    return true
  } catch {
    return false
  }
}

/** Writes beside the path and renames, so that no reader sees half a file. */
export async function writeWhole(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`
  try {
    await writeFile(temporary, content)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The bytes of a file, through links; `undefined` where there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const stats = await stat(path)
    return stats.isFile() ? stats.size : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
