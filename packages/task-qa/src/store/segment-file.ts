import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { InvalidFileError, throwIfAborted } from '@tenon/core'
import type { BlockParts } from './block.js'
import type { Files } from './files.js'

/** What a manifest says of a segment: enough to find every array in its file. */
export interface SegmentInfo {
  readonly file: string
  readonly crc32: number
  readonly rows: number
  readonly terms: number
  readonly termBytes: number
  readonly postings: number
  readonly contentBytes: number
}

/** Bytes between two looks at the event loop and the signal. */
const chunk = 4 * 2 ** 20

type Sizes = Omit<SegmentInfo, 'file' | 'crc32'>

/** Lengths of the arrays, in the order in which they stand in the file. Wide numbers come first: so each begins where numbers of its width may. */
function layout({ rows, terms, termBytes, postings, contentBytes }: Sizes, dimensions: number) {
  const arrays = [
    ['ids', Float64Array, rows],
    ['contentStarts', Float64Array, rows + 1],
    ['vectors', Float32Array, rows * dimensions],
    ['lengths', Uint32Array, rows],
    ['postingStarts', Uint32Array, terms + 1],
    ['postingRows', Uint32Array, postings],
    ['postingCounts', Uint16Array, postings],
    ['termText', Uint8Array, termBytes],
    ['contents', Uint8Array, contentBytes],
  ] as const
  return { arrays, bytes: arrays.reduce((sum, [, type, length]) => sum + type.BYTES_PER_ELEMENT * length, 0) }
}

const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** Terms hold no U+0000, so that it may stand between them. */
const separator = '\u0000'

/** Writes a block to an open, empty file. */
export async function writeSegment(handle: FileHandle, block: BlockParts, signal: AbortSignal | undefined): Promise<Omit<SegmentInfo, 'file'>> {
  const termText = Buffer.from(block.terms.join(separator))
  const sizes: Sizes = { rows: block.rows, terms: block.terms.length, termBytes: termText.length, postings: block.postingRows.length, contentBytes: block.contents.length }
  const source = { ...block, termText }
  let sum = 0
  for (const [name] of layout(sizes, block.rows === 0 ? 0 : block.vectors.length / block.rows).arrays) {
    const bytes = bytesOf(source[name])
    for (let from = 0; from < bytes.length; ) {
      throwIfAborted(signal)
      const { bytesWritten } = await handle.write(bytes, from, Math.min(chunk, bytes.length - from))
      sum = crc32(bytes.subarray(from, from + bytesWritten), sum)
      from += bytesWritten
    }
  }
  return { ...sizes, crc32: sum }
}

/** @throws InvalidFileError when the file is not what the manifest says. */
export async function readSegment(files: Files, path: string, info: SegmentInfo, dimensions: number, signal: AbortSignal | undefined): Promise<BlockParts> {
  const { arrays, bytes } = layout(info, dimensions)
  const handle = await files.open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (size !== bytes) throw new InvalidFileError({ path, problem: `has ${size} bytes instead of ${bytes}`, remedy: damaged })
    const memory = new Uint8Array(bytes)
    let sum = 0
    for (let from = 0; from < bytes; ) {
      throwIfAborted(signal)
      const { bytesRead } = await handle.read(memory, from, Math.min(chunk, bytes - from), from)
      if (bytesRead === 0) throw new InvalidFileError({ path, problem: 'ends while it is read', remedy: damaged })
      sum = crc32(memory.subarray(from, from + bytesRead), sum)
      from += bytesRead
    }
    if (sum !== info.crc32) throw new InvalidFileError({ path, problem: 'does not have the checksum it was written with', remedy: damaged })
    let at = 0
    const views = Object.fromEntries(
      arrays.map(([name, type, length]) => {
        const view = new type(memory.buffer, at, length)
        at += view.byteLength
        return [name, view]
      }),
    ) as unknown as Omit<BlockParts, 'rows' | 'terms'> & { termText: Uint8Array }
    const terms = info.terms === 0 ? [] : new TextDecoder().decode(views.termText).split(separator)
    return { ...views, rows: info.rows, terms }
  } finally {
    await handle.close()
  }
}

export const damaged = 'Put back a copy of the folder, or add the documents to a new one: it was left as it is'
