import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { openSafetensors, stampOf } from '@tenon/checkpoint'
import { byteLength, InvalidFileError, throwIfAborted, type Constant, type FileRange, type NumericType } from '@tenon/core'
import { markChecked, markUsed, wasChecked } from './checked.js'
import { FORMAT, runInPlace, tensorsOf, type Entry } from './kept-file.js'

/**
 * The tensors of a kept file, each byte of which was looked at, now or since it was last written to; `undefined` where there is none,
 * and a text that says what is wrong with one that is there. Marks it as used.
 * @throws AbortedError
 */
export async function openKept(path: string, entries: readonly Entry[], { key, signal }: { readonly key: string; readonly signal?: AbortSignal | undefined }): Promise<ReadonlyMap<string, Constant> | string | undefined> {
  try {
    await using file = await openSafetensors(path, { signal })
    const stamp = stampOf(path)
    const { metadata, tensors } = file
    if (metadata['format'] !== FORMAT || metadata['key'] !== key) return 'is of another model'
    const lacking = lackOf(tensors, entries)
    if (lacking !== undefined) return `does not hold '${lacking}' as it should be`
    if (await wasChecked(path, stamp)) await markUsed(path)
    else {
      const starts = Array.from(tensors.values(), ({ file }) => file!.offset)
      const damaged = await damagedAt(path, Math.min(...starts), metadata['stretches'] ?? '', metadata['checksums'] ?? '', signal)
      if (damaged !== undefined) return damaged
      await markChecked(path, stamp)
    }
    const inPlace = new Set(entries.flatMap(runInPlace))
    return new Map(Array.from(tensors, ([name, { dtype, shape, file }]) => [name, keptConstant(dtype, shape, inPlace.has(name) ? { ...file!, inPlace: true } : file!)]))
  } catch (error) {
    throwIfAborted(signal)
    const { code } = error as { code?: string }
    return code === 'TENON_MISSING_FILE' ? undefined : `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** A tensor of a kept file. */
export function keptConstant(dtype: NumericType, shape: readonly number[], file: FileRange): Constant {
  const length = byteLength(dtype, shape)
  return { dtype, shape, byteLength: length, file, bytes: () => readRange(file.path, file.offset, length) }
}

/** The first tensor that is not there, or is another. */
export function lackOf(tensors: ReadonlyMap<string, Constant>, entries: readonly Entry[]): string | undefined {
  return tensorsOf(entries).find(({ name, dtype, shape }) => {
    const tensor = tensors.get(name)
    return tensor?.dtype !== dtype || tensor.shape.join() !== shape.join()
  })?.name
}

const READ = 2 ** 22

/** The next bytes are read while those before are looked at. */
async function damagedAt(path: string, dataStart: number, stretches: string, sums: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const ends = stretches.split(',').map(Number)
  const file = await open(path, 'r')
  let coming: ReturnType<typeof file.read<Buffer>> | undefined
  try {
    const { size } = await file.stat()
    if (ends.at(-1) !== size - dataStart || sums.length !== 8 * ends.length) return 'has no checksums for all of its data'
    const reads = ends.flatMap((end, index) => {
      const begin = index === 0 ? 0 : ends[index - 1]!
      return Array.from({ length: Math.ceil((end - begin) / READ) }, (_, part) => ({ index, begin: begin + part * READ, end: Math.min(begin + (part + 1) * READ, end) }))
    })
    const buffers = [Buffer.allocUnsafe(READ), Buffer.allocUnsafe(READ)] as const
    const read = (turn: number) => {
      const next = reads[turn]
      return next && file.read(buffers[(turn % 2) as 0 | 1], 0, next.end - next.begin, dataStart + next.begin)
    }
    coming = read(0)
    let sum = 0
    for (const [turn, { index, begin, end }] of reads.entries()) {
      throwIfAborted(signal)
      const { bytesRead, buffer } = (await coming)!
      coming = read(turn + 1)
      if (bytesRead !== end - begin) return 'ends too early'
      sum = crc32(buffer.subarray(0, bytesRead), sum)
      if (end !== ends[index]) continue
      if (sum.toString(16).padStart(8, '0') !== sums.slice(8 * index, 8 * index + 8)) return `is damaged before byte ${dataStart + end}`
      sum = 0
    }
    return undefined
  } finally {
    await coming?.catch(() => undefined) // a read under way needs the file
    await file.close()
  }
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const file = await open(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done)
      if (bytesRead === 0) throw new InvalidFileError({ path, problem: `ends at byte ${offset + done}, in the middle of a weight`, remedy: 'Open the model again: the file is made anew' })
      done += bytesRead
    }
  } finally {
    await file.close()
  }
  return bytes
}
