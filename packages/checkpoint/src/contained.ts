import { isAbsolute, posix, win32 } from 'node:path'
import { InvalidInputError } from '@tenon/core'

/** Whether a name, with forward slashes, leads to a place below the folder it is relative to. */
export function isContained(file: string): boolean {
  const absolute = isAbsolute(file) || posix.isAbsolute(file) || win32.isAbsolute(file) || /^[A-Za-z]:/.test(file)
  return file !== '' && !absolute && !file.includes('\0') && !file.split(/[\\/]/).includes('..')
}

/**
 * A path inside the checkpoint, normalised. Names may come from untrusted files, such as an index of shards.
 * @throws InvalidInputError
 */
export function contained(file: string): string {
  if (isContained(file)) return posix.normalize(file)
  throw new InvalidInputError({ what: `the file '${file}'`, problem: 'is no path inside the checkpoint', remedy: "name it relative to the checkpoint, without '..'" })
}
