import { createHash, randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { open, rename, rm, statfs, utimes } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { openSafetensors } from '@tenon/checkpoint'
import { byteLength, throwIfAborted, type Constant, type NumericType } from '@tenon/core'
import { piecesOf, reader, type Derivation, type Piece } from './derive.js'

/** Weights that are made together, and the names of the tensors they are kept as: derived, or computed by themselves. */
export type Entry = DerivedEntry | ComputedEntry

export interface DerivedEntry {
  readonly derivation: Derivation
  readonly names: readonly string[]
}

export interface ComputedEntry {
  readonly constant: Constant
  readonly names: readonly [string]
}

/** The tensors of a file: what it has to hold to be the one that is meant. */
interface Tensor {
  readonly name: string
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly byteLength: number
}

/** A stretch of the data, and what its bytes add up to. */
interface Stretch {
  readonly begin: number
  readonly end: number
}

const typeNames: Readonly<Partial<Record<NumericType, string>>> = { float32: 'F32', float16: 'F16', uint8: 'U8', int8: 'I8' }

/** Whether numbers of a type can be kept. */
export const isKeepable = (dtype: NumericType): boolean => Object.hasOwn(typeNames, dtype)

const partsOf = (entry: Entry): readonly Pick<Constant, 'dtype' | 'shape'>[] => ('derivation' in entry ? entry.derivation.parts : [entry.constant])

const tensorsOf = (entries: readonly Entry[]): readonly Tensor[] =>
  entries.flatMap((entry) => partsOf(entry).map(({ dtype, shape }, part) => ({ name: entry.names[part]!, dtype, shape, byteLength: byteLength(dtype, shape) })))

const piecesOfEntry = (entry: Entry): readonly Piece[] => ('derivation' in entry ? piecesOf(entry.derivation) : [{ firstRow: 0, rows: 1, offsets: [0], lengths: [entry.constant.byteLength] }])

/** Wider types first, so that each tensor is aligned to its elements. */
const inFileOrder = (tensors: readonly Tensor[]) => tensors.toSorted((a, b) => byteLength(b.dtype, []) - byteLength(a.dtype, []))

/** Milliseconds after which a file in the folder that has the name of an unfinished one is nobody's. */
export const ABANDONED = 24 * 3600 * 1000

interface WriteOptions {
  readonly key: string
  readonly onBytes: (bytes: number) => void
  readonly signal?: AbortSignal | undefined
}

/** The folder for kept weights cannot be written, or is full. */
export class NotKept extends Error {}

/**
 * Computes weights into one safetensors file, which appears whole or not at all. It is not flushed: checksums find what a power
 * failure leaves of it.
 * @throws NotKept where it cannot be written, AbortedError, and what reading the weights throws.
 */
export async function writeKept(path: string, entries: readonly Entry[], { key, onBytes, signal }: WriteOptions): Promise<void> {
  const tensors = inFileOrder(tensorsOf(entries))
  const places = new Map<string, number>()
  let end = 0
  for (const { name, byteLength } of tensors) {
    places.set(name, end)
    end += byteLength
  }
  const plans = entries.map((entry) => ({ entry, names: entry.names, pieces: piecesOfEntry(entry) }))
  const stretches = plans
    .flatMap(({ names, pieces }) => pieces.flatMap(({ offsets, lengths }) => names.map((name, part) => ({ begin: places.get(name)! + offsets[part]!, end: places.get(name)! + offsets[part]! + lengths[part]! }))))
    .toSorted((a, b) => a.begin - b.begin)
  const checksums = new Map(stretches.map(({ begin }) => [begin, 0]))
  const header = () => headerOf(tensors, places, { key, stretches, checksums })
  const dataStart = header().byteLength

  await writable(async () => {
    const { bavail, bsize } = await statfs(dirname(path))
    if (dataStart + end > bavail * bsize) throw new Error(`the weights take ${megabytes(dataStart + end)}, and there is room for ${megabytes(bavail * bsize)}`)
  })
  const temporary = `${path}.${randomUUID()}.tmp`
  const file = await writable(() => open(temporary, 'wx', 0o600))
  let failure: { readonly error: unknown } | undefined
  const stop = new AbortController()
  setMaxListeners(0, stop.signal) // every piece listens
  const follow = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', follow, { once: true })
  try {
    try {
      await writable(() => file.truncate(dataStart + end))
      const queue = plans.values()
      const work = async () => {
        for (const { entry, names, pieces } of queue) {
          throwIfAborted(stop.signal)
          if ('constant' in entry) {
            await writeComputed(entry)
            continue
          }
          const { derivation } = entry
          const make = await reader(derivation)
          const bytesOfRow = sourceBytes(entry) / derivation.weight.shape[0]!
          const target = { path: temporary, offsets: names.map((name) => dataStart + places.get(name)!) }
          const ends = pieces.map(async (piece) => {
            const outcome = await make(piece, target, stop.signal)
            names.forEach((name, part) => checksums.set(places.get(name)! + piece.offsets[part]!, outcome.checksums[part]!))
            onBytes(piece.rows * bytesOfRow)
          })
          for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason
        }
      }
      const writeComputed = async ({ constant, names: [name] }: ComputedEntry) => {
        const bytes = await constant.bytes()
        if (bytes.byteLength !== constant.byteLength) throw new Error(`'${name}' has ${bytes.byteLength} bytes, and its type and shape ask for ${constant.byteLength}`)
        throwIfAborted(stop.signal)
        await writable(async () => {
          for (let done = 0; done < bytes.byteLength; ) done += (await file.write(bytes, done, Math.min(bytes.byteLength - done, WRITE), dataStart + places.get(name)! + done)).bytesWritten
        })
        checksums.set(places.get(name)!, crc32(bytes))
        onBytes(constant.byteLength)
      }
      const fail = (error: unknown) => {
        failure ??= { error }
        stop.abort()
      }
      // One more than there are threads, so that a weight is read while others are computed. Whatever fails, all have ended then.
      await Promise.all(Array.from({ length: availableParallelism() + 1 }, () => work().catch(fail)))
      throwIfAborted(signal)
      if (failure !== undefined) throw failure.error
      const bytes = header()
      await writable(() => file.write(bytes, 0, bytes.byteLength, 0))
    } finally {
      await file.close()
    }
    throwIfAborted(signal)
    await writable(() => rename(temporary, path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  } finally {
    signal?.removeEventListener('abort', follow)
  }
}

/** Bytes that are read, or else computed, to make an entry, for telling how far the work is. */
export function sourceBytes(entry: Entry): number {
  if ('constant' in entry) return entry.constant.byteLength
  const { weight } = entry.derivation
  return (weight.stored ?? weight).byteLength
}

async function writable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new NotKept(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`

const FORMAT = 'tenon weights 1'

interface Sums {
  readonly key: string
  readonly stretches: readonly Stretch[]
  readonly checksums: ReadonlyMap<number, number>
}

/** As long whatever the checksums are. */
function headerOf(tensors: readonly Tensor[], places: ReadonlyMap<string, number>, { key, stretches, checksums }: Sums): Uint8Array {
  const sums = stretches.map(({ begin }) => checksums.get(begin)!.toString(16).padStart(8, '0')).join('')
  const metadata = { format: FORMAT, key, stretches: stretches.map(({ end }) => end).join(), checksums: sums }
  const json = Object.fromEntries(tensors.map(({ name, dtype, shape, byteLength }) => [name, { dtype: typeNames[dtype]!, shape, data_offsets: [places.get(name)!, places.get(name)! + byteLength] }]))
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...json }))
  const padded = Math.ceil((8 + text.byteLength) / 64) * 64 - 8
  const header = Buffer.alloc(8 + padded, ' ')
  header.writeBigUInt64LE(BigInt(padded))
  text.copy(header, 8)
  return header
}

/**
 * The tensors of a kept file, each byte of which was looked at; `undefined` where there is none, and a text that says what is wrong
 * with one that is there. Marks it as used.
 * @throws AbortedError
 */
export async function openKept(path: string, entries: readonly Entry[], { key, signal }: { readonly key: string; readonly signal?: AbortSignal | undefined }): Promise<ReadonlyMap<string, Constant> | string | undefined> {
  try {
    await using file = await openSafetensors(path, { signal })
    const { metadata, tensors } = file
    if (metadata['format'] !== FORMAT || metadata['key'] !== key) return 'is of another model'
    for (const { name, dtype, shape } of tensorsOf(entries)) {
      const tensor = tensors.get(name)
      if (tensor?.dtype !== dtype || tensor.shape.join() !== shape.join()) return `does not hold '${name}' as it should be`
    }
    const starts = Array.from(tensors.values(), ({ file }) => file!.offset)
    const damaged = await damagedAt(path, Math.min(...starts), metadata['stretches'] ?? '', metadata['checksums'] ?? '', signal)
    if (damaged !== undefined) return damaged
    const now = new Date()
    await utimes(path, now, now).catch(() => undefined) // another user's folder, or a read-only one
    return new Map(Array.from(tensors, ([name, { dtype, shape, byteLength, file }]) => [name, { dtype, shape, byteLength, file: file!, bytes: () => readRange(file!.path, file!.offset, byteLength) }]))
  } catch (error) {
    throwIfAborted(signal)
    const { code } = error as { code?: string }
    return code === 'TENON_MISSING_FILE' ? undefined : `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

const READ = 2 ** 22
const WRITE = 2 ** 30

/** The next bytes are read while those before are looked at. */
async function damagedAt(path: string, dataStart: number, stretches: string, sums: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const ends = stretches.split(',').map(Number)
  const file = await open(path, 'r')
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
    let sum = 0
    let coming = read(0)
    for (const [turn, { index, begin, end }] of reads.entries()) {
      throwIfAborted(signal)
      const { bytesRead, buffer } = (await coming)!
      coming = read(turn + 1)
      if (bytesRead !== end - begin) return 'ends too early'
      sum = crc32(buffer.subarray(0, bytesRead), sum)
      if (end !== ends[index]) continue
      if (sum.toString(16).padStart(8, '0') !== sums.slice(8 * index, 8 * index + 8)) {
        await coming?.catch(() => undefined)
        return `is damaged before byte ${dataStart + end}`
      }
      sum = 0
    }
    return undefined
  } finally {
    await file.close()
  }
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const file = await open(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), offset + done)
      if (bytesRead === 0) throw new Error(`${path} ends at byte ${offset + done}`)
      done += bytesRead
    }
  } finally {
    await file.close()
  }
  return bytes
}

/** A short name for whatever tells one file from another. */
export const digestOf = (facts: unknown): string => createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 40)
