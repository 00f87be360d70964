import { readFile, stat } from 'node:fs/promises'
import { TenonError } from '@tenon/core'

/**
 * That no folder stands where an option names a file.
 * @param option Its name, for messages: `--schema`.
 * @throws TenonError, and the system's error where nothing is there.
 */
export async function checkFile(option: string, path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) throw new TenonError({ code: 'EISDIR', message: `${option} ${path}: this is a folder`, remedy: 'Name a file, not a folder' })
}

/**
 * That no file stands where an option names a folder.
 * @throws TenonError
 */
export async function checkFolder(option: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) throw new TenonError({ code: 'ENOTDIR', message: `${option} ${path}: this is a file`, remedy: 'Name a folder, not a file' })
}

/** What a named file holds. @throws as `checkFile` does. */
export async function readNamed(option: string, path: string, signal?: AbortSignal): Promise<Uint8Array> {
  await checkFile(option, path)
  return readFile(path, { signal })
}
