import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import type { StoredDocument } from '@tenon/core'

// A file and a document from memory never replace each other, even when named alike.
export const keyOfFile = (real: string): string => `file ${real}`
export const keyOfMemory = (source: string): string => `memory ${source}`

const fileOf = (key: string) => (key.startsWith('file ') ? key.slice(5) : undefined)
const below = (file: string, folder: string) => file.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)

/** The true place of a path, or where it would be: the file may be gone. */
async function placeOf(path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    return await realpath(absolute)
  } catch {
    const parent = dirname(absolute)
    return parent === absolute ? absolute : join(await placeOf(parent), basename(absolute))
  }
}

/** Keys of the documents that `names` mean: paths of files, folders for all that is below them, names, keys. */
export async function keysNamed(names: readonly string[], documents: readonly StoredDocument[]): Promise<string[]> {
  const plain = new Set(names)
  const places = await Promise.all(names.map(placeOf))
  const placed = new Set(places)
  return documents
    .filter(({ key, source }) => {
      const file = fileOf(key)
      return plain.has(key) || plain.has(source) || (file !== undefined && (placed.has(file) || places.some((place) => below(file, place))))
    })
    .map(({ key }) => key)
}

/** Keys of files below `folders` that are no longer there. What merely cannot be looked at counts as there. */
export async function keysGone(folders: readonly string[], documents: readonly StoredDocument[]): Promise<string[]> {
  const gone: string[] = []
  for (const { key } of documents) {
    const file = fileOf(key)
    if (file === undefined || !folders.some((folder) => below(file, folder))) continue
    const code = await stat(file).then(() => undefined, (error: NodeJS.ErrnoException) => error.code)
    if (code === 'ENOENT' || code === 'ENOTDIR') gone.push(key)
  }
  return gone
}
