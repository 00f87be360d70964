import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { open, rename, rm, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { byteLength, throwIfAborted } from '@tenon/core'
import { piecesOf, reader, type Piece } from './derive.js'
import { headerOf, sourceBytes, tensorsOf, type ComputedEntry, type Entry, type Tensor } from './kept-file.js'

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
 * Computes weights into one safetensors file, which appears whole or not at all, also where the power fails.
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
      await writable(() => file.datasync())
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

const WRITE = 2 ** 30

async function writable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new NotKept(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`
