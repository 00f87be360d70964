import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidFileError, MissingFileError, throwIfAborted, type Constant } from '@tenon/core'
import { isAbsent } from './is-absent.js'
import { isLfsPointer, lfsPointer } from './lfs-pointer.js'
import { headerLimit, parseSafetensorsHeader } from './safetensors-header.js'
import { sharedFile } from './shared-file.js'

/** Bytes before the header: its length as a little-endian unsigned 64-bit integer. */
const prefixLength = 8

/** An opened `.safetensors` file, its tensors unread. Disposing closes the file. */
export interface SafetensorsFile extends AsyncDisposable {
  /** Absolute path. */
  readonly path: string
  /** The header's `__metadata__`; empty where there is none. */
  readonly metadata: Readonly<Record<string, string>>
  /**
   * The tensors by name. Each `file` range may be mapped; `bytes()` reads by position and throws DisposedError after
   * disposal and InvalidFileError when the file changed since.
   */
  readonly tensors: ReadonlyMap<string, Constant>
}

/**
 * Opens a safetensors file by reading its header only, whatever its size. The header is checked in full before any
 * tensor can be asked for: known types, shape × type = range, no overlap, no hole, nothing after the last tensor.
 * Format: https://github.com/huggingface/safetensors#format
 * @throws MissingFileError
 * @throws InvalidFileError which names the tensor and what was expected.
 * @throws AbortedError
 * @example
 * await using file = await openSafetensors('model/model.safetensors')
 * const bytes = await file.tensors.get('embeddings.word_embeddings.weight')?.bytes()
 */
export async function openSafetensors(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<SafetensorsFile> {
  const absolute = resolve(path)
  throwIfAborted(signal)
  const handle = await open(absolute, 'r').catch((cause: unknown) => {
    throw isAbsent(cause) ? new MissingFileError({ path: absolute, cause }) : cause
  })
  try {
    const stats = await handle.stat()
    const fail = (problem: string) => new InvalidFileError({ path: absolute, problem })
    if (!stats.isFile()) throw fail('is no regular file')

    const readExactly = async (offset: number, length: number) => {
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0) throw fail(`ends at byte ${offset + done}, expected at least ${offset + length}`)
        done += bytesRead
      }
      return bytes
    }

    if (stats.size < prefixLength)
      throw fail(`has ${stats.size} bytes, expected at least the ${prefixLength} of its header length`)
    const prefix = await readExactly(0, prefixLength)
    if (isLfsPointer(prefix)) throw lfsPointer(absolute)
    const headerLength = new DataView(prefix.buffer).getBigUint64(0, true)
    if (headerLength > BigInt(headerLimit))
      throw fail(`claims a header of ${headerLength} bytes, expected at most ${headerLimit}`)
    const dataStart = prefixLength + Number(headerLength)
    if (dataStart > stats.size)
      throw fail(`claims a header of ${headerLength} bytes and has ${stats.size} bytes in all`)
    throwIfAborted(signal)
    const header = parseSafetensorsHeader(
      absolute,
      await readExactly(prefixLength, Number(headerLength)),
      stats.size - dataStart,
    )

    const file = sharedFile(absolute, stats)
    const tensors = new Map<string, Constant>()
    for (const [name, { dtype, shape, begin, end }] of header.tensors) {
      const offset = dataStart + begin
      const byteLength = end - begin
      tensors.set(name, {
        dtype,
        shape,
        byteLength,
        file: { path: absolute, offset },
        bytes: () => file.read(offset, byteLength),
      })
    }
    return {
      path: absolute,
      metadata: header.metadata,
      tensors,
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    }
  } finally {
    await handle.close()
  }
}
