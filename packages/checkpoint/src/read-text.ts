import { readFile, stat } from 'node:fs/promises'
import { InvalidFileError } from '@tenon/core'
import { isLfsPointer, lfsPointer } from './lfs-pointer.js'

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

/** @throws InvalidFileError when the text is no JSON; `path` is for the message. */
export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (isLfsPointer(text)) throw lfsPointer(path)
    throw new InvalidFileError({ path, problem: `is not valid JSON (${(cause as Error).message})`, cause })
  }
}

/** Whether a value is a JSON object, neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a file system error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}
