import type { Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { DisposedError, InvalidFileError, MissingFileError } from '@tenon/core'
import { isAbsent } from './is-absent.js'

/** A file read by position through one handle, opened at the first read. */
export interface SharedFile extends AsyncDisposable {
  /**
   * A fresh array of `length` bytes from `offset`.
   * @throws DisposedError after disposal, MissingFileError when the file went away, InvalidFileError when it changed.
   */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** Linux reads at most 2³¹ − 4,096 bytes at a time. */
const longestRead = 2 ** 30

const remedy = 'Open it again; replace model files by renaming, never in place'

/** `seen` is the file as it was when its header was read: another file under the same name is refused. */
export function sharedFile(path: string, seen: Pick<Stats, 'size' | 'ino' | 'mtimeMs'>): SharedFile {
  let opening: Promise<FileHandle> | undefined
  let disposed = false

  async function openSame(): Promise<FileHandle> {
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw isAbsent(cause)
        ? new MissingFileError({ path, purpose: 'it did when it was opened', remedy, cause })
        : cause
    })
    const now = await handle.stat()
    if (now.size === seen.size && now.ino === seen.ino && now.mtimeMs === seen.mtimeMs) return handle
    await handle.close()
    throw new InvalidFileError({
      path,
      problem: `changed since it was opened: it had ${seen.size} bytes, now ${now.size}`,
      remedy,
    })
  }

  return {
    async read(offset, length) {
      if (disposed) throw new DisposedError({ what: `file ${path}` })
      opening ??= openSame()
      const handle = await opening.catch((error: unknown) => {
        opening = undefined // the next read tries again
        throw error
      })
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length;) {
        if (disposed) throw new DisposedError({ what: `file ${path}` })
        const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, longestRead), offset + done)
        if (bytesRead === 0)
          throw new InvalidFileError({
            path,
            problem: `shrank since it was opened: it ends at byte ${offset + done}, expected ${offset + length}`,
            remedy,
          })
        done += bytesRead
      }
      return bytes
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return
      disposed = true
      const handle = await opening?.catch(() => undefined)
      await handle?.close() // waits for the reads under way
    },
  }
}
