import type { Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { DisposedError, InvalidFileError, MissingFileError, throwIfAborted } from '@tenon/core'
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

/** A file while its header is read. */
interface Opened {
  /** Absolute. */
  readonly path: string
  readonly size: number
  /** A fresh array of `length` bytes from `offset`. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/**
 * Opens a file to read its header. Nothing is held open then; what stands behind it is read through `file`, from the same file only.
 * @throws MissingFileError, InvalidFileError, AbortedError, and what `readHeader` throws.
 */
export async function openWithHeader<Header>(path: string, signal: AbortSignal | undefined, readHeader: (opened: Opened) => Promise<Header>): Promise<{ readonly path: string; readonly header: Header; readonly file: SharedFile }> {
  const absolute = resolve(path)
  throwIfAborted(signal)
  const handle = await open(absolute, 'r').catch((cause: unknown) => {
    throw isAbsent(cause) ? new MissingFileError({ path: absolute, cause }) : cause
  })
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new InvalidFileError({ path: absolute, problem: 'is no regular file' })
    const header = await readHeader({ path: absolute, size: stats.size, read: (offset, length) => readAt(handle, absolute, offset, length) })
    return { path: absolute, header, file: sharedFile(absolute, stats) }
  } finally {
    await handle.close()
  }
}

/** @throws InvalidFileError where the file ends before, and what `check` throws, which is asked before each read. */
async function readAt(handle: FileHandle, path: string, offset: number, length: number, check = () => {}): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length;) {
    check()
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, longestRead), offset + done)
    if (bytesRead === 0) throw new InvalidFileError({ path, problem: `shrank since it was opened: it ends at byte ${offset + done}, expected ${offset + length}`, remedy })
    done += bytesRead
  }
  return bytes
}

/** `seen` is the file as it was when its header was read: another file under the same name is refused. */
function sharedFile(path: string, seen: Pick<Stats, 'size' | 'ino' | 'mtimeMs'>): SharedFile {
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
      const check = () => {
        if (disposed) throw new DisposedError({ what: `file ${path}` })
      }
      check()
      opening ??= openSame()
      const handle = await opening.catch((error: unknown) => {
        opening = undefined // the next read tries again
        throw error
      })
      return readAt(handle, path, offset, length, check)
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return
      disposed = true
      const handle = await opening?.catch(() => undefined)
      await handle?.close() // waits for the reads under way
    },
  }
}
