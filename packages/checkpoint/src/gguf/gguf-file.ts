import { open, type FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidFileError, MissingFileError, throwIfAborted } from '@tenon/core'
import { isAbsent } from '../is-absent.js'
import { isLfsPointer, lfsPointer } from '../lfs-pointer.js'
import { sharedFile } from '../shared-file.js'
import { HeaderGoesOn, itemsOf, limits, parseGgufHeader, type GgufArray, type GgufHeader, type GgufItems } from './gguf-header.js'

/** An opened `.gguf` file, its tensors and arrays unread. Disposing closes it. */
export interface GgufFile extends GgufHeader, AsyncDisposable {
  /** Absolute path. */
  readonly path: string
  /** @throws DisposedError, MissingFileError and InvalidFileError, where the file went away or changed. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The items of an array of the metadata. */
  items(array: GgufArray): Promise<GgufItems>
}

/** Bytes read at first. The header of a small vocabulary fits; a longer one is read in ever larger steps. */
const firstRead = 2 ** 20

/**
 * Opens a GGUF file by reading what stands before its data, and checks that in full.
 * @throws MissingFileError, InvalidFileError, AbortedError
 */
export async function openGgufFile(path: string, signal?: AbortSignal): Promise<GgufFile> {
  const absolute = resolve(path)
  throwIfAborted(signal)
  const handle = await open(absolute, 'r').catch((cause: unknown) => {
    throw isAbsent(cause) ? new MissingFileError({ path: absolute, cause }) : cause
  })
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new InvalidFileError({ path: absolute, problem: 'is no regular file' })
    const header = await readHeader(absolute, handle, stats.size, signal)
    const file = sharedFile(absolute, stats)
    return {
      ...header,
      path: absolute,
      read: (offset, length) => file.read(offset, length),
      items: async (array) => itemsOf(array, await file.read(array.offset, array.byteLength)),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    }
  } finally {
    await handle.close()
  }
}

async function readHeader(path: string, handle: FileHandle, size: number, signal: AbortSignal | undefined): Promise<GgufHeader> {
  let bytes = new Uint8Array(0)
  for (let wanted = firstRead; ; wanted *= 4) {
    throwIfAborted(signal)
    const longer = new Uint8Array(Math.min(wanted, size, limits.header))
    longer.set(bytes)
    for (let done = bytes.byteLength; done < longer.byteLength;) {
      const { bytesRead } = await handle.read(longer, done, longer.byteLength - done, done)
      if (bytesRead === 0) throw new InvalidFileError({ path, problem: `ends at byte ${done}, expected ${size}` })
      done += bytesRead
    }
    bytes = longer
    if (isLfsPointer(bytes)) throw lfsPointer(path)
    try {
      return parseGgufHeader(path, bytes, size)
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error
      if (bytes.byteLength >= limits.header) throw new InvalidFileError({ path, problem: `has a header of more than ${limits.header} bytes` })
    }
  }
}
