import { InvalidFileError, throwIfAborted } from '@tenon/core'
import { isLfsPointer, lfsPointer } from '../lfs-pointer.js'
import { openWithHeader } from '../shared-file.js'
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
  const { header, file, ...opened } = await openWithHeader(path, signal, async ({ path, size, read }) => {
    for (let wanted = firstRead; ; wanted *= 4) {
      throwIfAborted(signal)
      const bytes = await read(0, Math.min(wanted, size, limits.header))
      if (isLfsPointer(bytes)) throw lfsPointer(path)
      try {
        return parseGgufHeader(path, bytes, size)
      } catch (error) {
        if (!(error instanceof HeaderGoesOn)) throw error
        if (bytes.byteLength >= limits.header) throw new InvalidFileError({ path, problem: `has a header of more than ${limits.header} bytes` })
      }
    }
  })
  return {
    ...header,
    ...opened,
    read: (offset, length) => file.read(offset, length),
    items: async (array) => itemsOf(array, await file.read(array.offset, array.byteLength)),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}
