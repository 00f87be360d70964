import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, isAbsolute, sep } from 'node:path'
import { InvalidFileError, throwIfAborted } from '@tenon/core'

/** How deep below the folder files are listed. Published models use one level (`onnx/`, `1_Pooling/`). */
const depthLimit = 8

/** Most files of one checkpoint, folder or repository: far above the shards of any model, far below a home folder passed by mistake. */
export const fileLimit = 10_000

export interface FolderListing {
  /** Relative, with forward slashes, sorted. */
  readonly files: ReadonlySet<string>
  /** Links that leave the folder: listed nowhere, and refused by name. */
  readonly refused: ReadonlySet<string>
}

/**
 * The files of a folder. Hidden folders and node_modules are skipped, and so are linked folders. A linked file counts
 * when its target lies in the folder or, in a Hugging Face cache, where `models--…/snapshots/<revision>` links to
 * `models--…/blobs` and those may link to the `blobs` that models share, in either.
 * @throws InvalidFileError when there are more than 10,000 files.
 */
export async function listFiles(directory: string, signal?: AbortSignal): Promise<FolderListing> {
  const allowed = folders(await realpath(directory))
  const files: string[] = []
  const refused = new Set<string>()

  async function linkTarget(path: string): Promise<'file' | 'outside' | 'other'> {
    const target = await realpath(path).catch(() => undefined)
    if (target === undefined) return 'other'
    if (!allowed.some((folder) => isInside(folder, target))) return 'outside'
    return (await stat(target)).isFile() ? 'file' : 'other'
  }

  async function walk(folder: string, depth: number): Promise<void> {
    throwIfAborted(signal)
    const entries: Dirent[] = await readdir(join(directory, folder), { withFileTypes: true })
    for (const entry of entries) {
      const file = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) {
        if (depth < depthLimit && !entry.name.startsWith('.') && entry.name !== 'node_modules')
          await walk(file, depth + 1)
        continue
      }
      const target = entry.isSymbolicLink()
        ? await linkTarget(join(directory, file))
        : entry.isFile()
          ? 'file'
          : 'other'
      if (target === 'outside') refused.add(file)
      if (target === 'file') files.push(file)
      if (files.length > fileLimit)
        throw new InvalidFileError({
          path: directory,
          problem: `holds more than ${fileLimit} files`,
          remedy: 'Name the folder that holds the model and nothing else',
        })
    }
  }

  await walk('', 0)
  return { files: new Set(files.sort()), refused }
}

/** The folders that links may lead into: the checkpoint itself or, in a cache, the model's folder and the shared blobs. */
function folders(root: string): string[] {
  const snapshots = dirname(root)
  const model = dirname(snapshots)
  const cached = basename(snapshots) === 'snapshots' && basename(model).startsWith('models--')
  return cached ? [model, join(dirname(model), 'blobs')] : [root]
}

/** Whether `path` lies below `folder`; both canonical. */
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
