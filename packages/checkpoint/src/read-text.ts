import { readFile, stat } from 'node:fs/promises'
import { InvalidFileError } from '@tenon/core'
import { isAbsent } from './is-absent.js'

/** Largest text file read whole. The largest tokenizer.json published today, for 262,144 entries, has 33 MB. */
const textLimit = 256 * 2 ** 20

/**
 * A text file, read whole after its size was checked; `undefined` where it does not exist. Model files are untrusted.
 * @throws InvalidFileError when it is larger than `limit` bytes, no regular file or no UTF-8.
 */
export async function readText(path: string, limit = textLimit): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    const { size, ...kind } = await stat(path).then((stats) => ({ size: stats.size, isFile: stats.isFile() }))
    if (!kind.isFile) throw new InvalidFileError({ path, problem: 'is no regular file' })
    if (size > limit)
      throw new InvalidFileError({
        path,
        problem: `has ${size} bytes, more than the ${limit} that such a file may have`,
      })
    bytes = await readFile(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new InvalidFileError({ path, problem: 'is not UTF-8 text', cause })
  }
}
