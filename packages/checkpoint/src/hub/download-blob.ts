import { createHash, type Hash } from 'node:crypto'
import { constants, copyFile, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DownloadError, InvalidFileError, throwIfAborted } from '@tenon/core'
import { writeAll } from '../write-all.js'
import { sizeOf } from './hub-cache.js'
import { TransientFailure, type HubAnswer, type SendToHub } from './hub-request.js'
import type { Pause } from './pause.js'
import { beforeRetry } from './retry.js'

export interface BlobToDownload {
  readonly url: string
  /** The blob's name, which is its hash. */
  readonly etag: string
  readonly size: number
  /** Where it belongs. */
  readonly path: string
}

export interface DownloadOptions {
  readonly send: SendToHub
  readonly pause: Pause
  readonly signal: AbortSignal
  /** Whether this process may go on writing. */
  readonly isHeld: () => Promise<boolean>
  /** Hears how many bytes are there; fewer than before when the file is begun anew. */
  readonly onBytes: (bytes: number) => void
}

/** As many bytes let a connection that breaks count as one that works. */
const PROGRESS = 2 ** 20

/**
 * Downloads a blob beside its place, goes on where an earlier attempt ended, checks length and hash, and renames it: what
 * has a blob's name is whole. When it fails, what has come stays for the next time, unless the hash is wrong.
 * @throws InvalidFileError for a wrong length or hash; DownloadError, AbortedError.
 */
export async function downloadBlob(blob: BlobToDownload, options: DownloadOptions): Promise<void> {
  const partial = `${blob.path}.tenon.incomplete`
  await adoptPartial(blob.path, partial)
  const file = await open(partial, constants.O_RDWR | constants.O_CREAT)
  try {
    const { right, from } = await fill(file, blob, options)
    // The fault may be with what an earlier attempt left.
    if (!right && (from === 0 || !(await fill(file, blob, options, true)).right)) throw wrongHash(blob)
    await file.datasync() // a name must not outlive its content when the power goes
  } catch (error) {
    if (error instanceof InvalidFileError) await rm(partial, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(partial, blob.path)
}

const wrongHash = ({ url, etag }: BlobToDownload) =>
  new InvalidFileError({ path: url, problem: `is not the file that the hub lists, whose hash is ${etag}`, remedy: 'Try again; if it stays so, a proxy changes files, or the repository is damaged' })

/** Fills the file from where it ends, or anew, and says whether its hash is right and where it went on from. */
async function fill(file: FileHandle, { url, etag, size }: BlobToDownload, { send, pause, signal, isHeld, onBytes }: DownloadOptions, anew = false): Promise<{ readonly right: boolean; readonly from: number }> {
  let hash = hashOf(etag, size)
  const { size: present } = await file.stat()
  const from = anew || present > size || hash === undefined ? 0 : present // what no hash can judge is not taken over
  let done = 0
  const restart = async () => {
    await file.truncate(0)
    hash = hashOf(etag, size)
    onBytes((done = 0))
  }
  if (from === 0) await restart()
  else if (hash !== undefined) await addStart(hash, file, from, signal)
  onBytes((done = from))

  let furthest = done
  for (let failures = 0; done < size; ) {
    try {
      const answer = await send({ method: 'GET', url, signal, ...(done > 0 && { from: done }) })
      try {
        if (!continuesAt(answer, done, size, url)) await restart()
        if (answer.status === 416) throw new TransientFailure(ended(url, done, size))
        for await (const chunk of answer.chunks()) {
          if (done + chunk.byteLength > size) throw tooLong(url, size)
          if (!(await isHeld())) throw new DownloadError({ url, problem: 'is being downloaded by another process, which found this one standing still', remedy: 'Open the model again' })
          await writeAll(file, chunk, done)
          hash?.update(chunk)
          onBytes((done += chunk.byteLength))
        }
      } finally {
        await answer.close()
      }
      if (done < size) throw new TransientFailure(ended(url, done, size))
    } catch (error) {
      failures = done >= furthest + PROGRESS ? 1 : failures + 1
      furthest = Math.max(furthest, done) // lest a file that is too short is fetched for ever
      await beforeRetry(error, failures, { pause, signal })
    }
  }
  return { right: hash === undefined || hash.digest('hex') === etag, from }
}

/** Adds the first bytes of a file to a hash. */
async function addStart(hash: Hash, file: FileHandle, length: number, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(PROGRESS)
  for (let done = 0; done < length; ) {
    throwIfAborted(signal)
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - done), done)
    if (bytesRead === 0) return // another process cut it, and the hash will not be right
    hash.update(buffer.subarray(0, bytesRead))
    done += bytesRead
  }
}

/** The hash that a blob's name is: sha256 of a large file, git's sha1 of another; `undefined` where it is neither. */
function hashOf(etag: string, size: number): Hash | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash('sha256')
  return /^[0-9a-f]{40}$/.test(etag) ? createHash('sha1').update(`blob ${size}\0`) : undefined
}

/**
 * Whether an answer goes on at `done`; where it does not, it brings the whole file.
 * @throws InvalidFileError when it is about a file of another length.
 */
function continuesAt({ status, headers }: HubAnswer, done: number, size: number, url: string): boolean {
  if (status !== 206) return done === 0
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  if (total !== undefined && total !== '*' && Number(total) !== size) throw tooLong(url, size)
  if (Number(start) !== done) throw new DownloadError({ url, problem: `sends bytes from ${start ?? 'somewhere'}, asked for those from ${done}`, remedy: 'Check what stands between the hub and you; a proxy answers ranges wrongly' })
  return true
}

const tooLong = (url: string, size: number) =>
  new InvalidFileError({ path: url, problem: `is not the file that the hub lists, which has ${size} bytes`, remedy: 'Try again; if it stays so, a proxy answers in the stead of the hub' })

const ended = (url: string, done: number, size: number) =>
  new DownloadError({ url, problem: `ended after ${done} of ${size} bytes`, remedy: 'Try again: what has come is kept' })

/**
 * Begins with what another program left of this blob: `<etag>.incomplete` of huggingface_hub before 1.0, or the
 * `<etag>.<random>.incomplete` of a later one that was killed. It is copied, since its owner may still write; whether the
 * bytes are right, the hash tells.
 */
async function adoptPartial(path: string, partial: string): Promise<void> {
  if ((await sizeOf(partial)) !== undefined) return
  const name = basename(path)
  const others = (await readdir(dirname(path))).filter((file) => file.startsWith(`${name}.`) && /^\.([0-9a-f]{8}\.)?incomplete$/.test(file.slice(name.length)))
  const sizes = await Promise.all(others.map(async (file) => ({ file: join(dirname(path), file), size: (await sizeOf(join(dirname(path), file))) ?? 0 })))
  const largest = sizes.sort((a, b) => b.size - a.size)[0]
  if (largest === undefined || largest.size === 0) return
  await copyFile(largest.file, partial, constants.COPYFILE_FICLONE).catch(() => undefined)
}
