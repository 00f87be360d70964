import { InvalidFileError, throwIfAborted, type Constant } from '@tenon/core'
import { isLfsPointer, lfsPointer } from './lfs-pointer.js'
import { headerLimit, parseSafetensorsHeader } from './safetensors-header.js'
import { openWithHeader } from './shared-file.js'

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
  const { header: { metadata, tensors: ranges, dataStart }, file, ...opened } = await openWithHeader(path, signal, async ({ path, size, read }) => {
    const fail = (problem: string) => new InvalidFileError({ path, problem })
    if (size < prefixLength) throw fail(`has ${size} bytes, expected at least the ${prefixLength} of its header length`)
    const prefix = await read(0, prefixLength)
    if (isLfsPointer(prefix)) throw lfsPointer(path)
    const headerLength = new DataView(prefix.buffer).getBigUint64(0, true)
    if (headerLength > BigInt(headerLimit)) throw fail(`claims a header of ${headerLength} bytes, expected at most ${headerLimit}`)
    const dataStart = prefixLength + Number(headerLength)
    if (dataStart > size) throw fail(`claims a header of ${headerLength} bytes and has ${size} bytes in all`)
    throwIfAborted(signal)
    return { ...parseSafetensorsHeader(path, await read(prefixLength, Number(headerLength)), size - dataStart), dataStart }
  })
  const tensors = new Map<string, Constant>()
  for (const [name, { dtype, shape, begin, end }] of ranges) {
    const offset = dataStart + begin
    const byteLength = end - begin
    tensors.set(name, { dtype, shape, byteLength, file: { path: opened.path, offset }, bytes: () => file.read(offset, byteLength) })
  }
  return { ...opened, metadata, tensors, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() }
}
