import { setMaxListeners } from 'node:events'
import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DownloadError, InvalidFileError, MissingFileError, TenonError, throwIfAborted, type Emit } from '@tenon/core'
import type { ModelFiles } from '../model-files.js'
import { downloadBlob } from './download-blob.js'
import { downloadProgress, type DownloadProgress } from './download-progress.js'
import { withFileLock } from './file-lock.js'
import { sizeOf, type HubCache } from './hub-cache.js'
import { NotThere, type SendToHub } from './hub-request.js'
import type { HubSettings } from './hub-settings.js'
import { inParallel } from './in-parallel.js'
import type { Listing } from './listing.js'
import type { Pause } from './pause.js'
import type { Repository } from './repository.js'
import { retrying } from './retry.js'

/** Files downloaded at a time, as huggingface_hub does. */
const AT_A_TIME = 8

/** A repository at one commit. */
export interface Snapshot {
  readonly repository: Repository
  readonly commit: string
  /** What the commit holds or, where nothing says that, what the cache has of it. */
  readonly listing: Listing
  readonly isComplete: boolean
}

export interface HubFilesOptions {
  readonly settings: HubSettings
  readonly cache: HubCache
  readonly send: SendToHub
  /** Asks the hub what the commit holds. */
  readonly list: (signal: AbortSignal) => Promise<Listing>
  readonly pause: Pause
  readonly emit: Emit
}

export interface HubFiles extends ModelFiles {
  ready(files: readonly string[]): Promise<void>
  /** Ends with this signal, until the returned function is called. */
  stopWith(signal: AbortSignal | undefined): () => void
}

/** The files of a snapshot, downloaded into the cache when they are asked for. */
export function hubFiles(snapshot: Snapshot, { settings, cache, send, list, pause, emit }: HubFilesOptions): HubFiles {
  const { repository, commit } = snapshot
  let { listing, isComplete } = snapshot
  const ended = new AbortController()
  setMaxListeners(0, ended.signal) // every request listens
  const coming = new Map<string, Promise<void>>()

  const urlOf = (file: string) => `${settings.endpoint}/${repository.id}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`

  async function isHeld(file: string): Promise<boolean> {
    const held = await sizeOf(cache.pointer(commit, file))
    return held !== undefined && held === (listing.get(file)?.size ?? held)
  }

  /** What must be known of a file to download it, from the listing or from the server. */
  async function describe(file: string, signal: AbortSignal): Promise<{ readonly etag: string; readonly size: number }> {
    const { etag, size } = listing.get(file) ?? {}
    if (etag !== undefined && size !== undefined) return { etag, size }
    const url = urlOf(file)
    const { status, headers } = await retrying(() => send({ method: 'HEAD', url, signal }), { pause, signal })
    const named = headers.get('x-linked-etag') ?? headers.get('etag')
    const name = named?.replace(/^W\//, '').replaceAll('"', '')
    const length = Number(headers.get('x-linked-size') ?? (status === 200 ? headers.get('content-length') : null) ?? NaN) // a redirect's own length is another
    const problem = name === undefined || !/^\w[\w.-]{0,127}$/.test(name) ? `has the etag ${JSON.stringify(named)}` : Number.isSafeInteger(length) && length >= 0 ? undefined : 'has no length'
    if (problem !== undefined) throw new InvalidFileError({ path: url, problem: `${problem}, by which it cannot be kept`, remedy: 'Check the endpoint: it should be a Hugging Face Hub, or a mirror of one' })
    return { etag: name!, size: length }
  }

  async function download(file: string, { etag, size }: { readonly etag: string; readonly size: number }, signal: AbortSignal, progress: DownloadProgress): Promise<void> {
    const onWait = () => emit({ type: 'notice', code: 'TENON_HUB_WAITING', message: `${file} of ${repository.id} is already being downloaded; waiting for it` })
    const path = cache.blob(etag)
    await withFileLock(cache.lock(etag), { signal, onWait }, async (isHeldStill) => {
      if (await isHeld(file)) return // since then
      const fresh = (await sizeOf(path)) !== size // absent, or damaged
      if (fresh) await downloadBlob({ url: urlOf(file), etag, size, path }, { send, pause, signal, isHeld: isHeldStill, onBytes: (bytes) => progress.set(file, bytes) })
      await cache.point(commit, file, etag, fresh)
    })
    progress.set(file, size)
  }

  async function fetchAll(files: readonly string[], outer: AbortSignal): Promise<void> {
    const batch = new AbortController()
    setMaxListeners(0, batch.signal)
    const follow = () => batch.abort(outer.reason)
    outer.addEventListener('abort', follow, { once: true })
    const stop = () => batch.abort()
    const wanted: { readonly file: string; readonly etag: string; readonly size: number }[] = []
    try {
      await mkdir(join(cache.folder, 'blobs'), { recursive: true })
      await inParallel(files, AT_A_TIME, async (file) => void wanted.push({ file, ...(await describe(file, batch.signal)) }), stop)
      const total = wanted.reduce((sum, { size }) => sum + size, 0)
      await checkSpace(total)
      const progress = downloadProgress(emit, `downloading ${repository.id}`, total)
      await inParallel(wanted, AT_A_TIME, ({ file, ...facts }) => download(file, facts, batch.signal, progress), stop)
      progress.end()
    } catch (error) {
      throwIfAborted(outer)
      throw explained(error)
    } finally {
      outer.removeEventListener('abort', follow)
    }
  }

  async function checkSpace(needed: number): Promise<void> {
    const { bavail, bsize } = await statfs(cache.folder)
    if (needed <= bavail * bsize) return
    const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
    emit({ type: 'notice', code: 'TENON_HUB_DISK_SPACE', message: `${repository.id} takes ${megabytes(needed)}, and ${cache.folder} has room for ${megabytes(bavail * bsize)}` })
  }

  function explained(error: unknown): unknown {
    if (error instanceof NotThere) return new MissingFileError({ path: `${settings.endpoint}/${repository.id}`, purpose: `the hub listed its files a moment ago (${error.message})`, remedy: 'Open the model again' })
    if (TenonError.isInstance(error) || !(error instanceof Error && 'syscall' in error)) return error
    return new DownloadError({ url: `${settings.endpoint}/${repository.id}`, problem: `cannot be kept in ${cache.folder}: ${error.message}`, remedy: 'Make the folder writable and free some space, or name another: HF_HUB_CACHE, or hub({ cache })', cause: error })
  }

  async function ready(files: readonly string[]): Promise<void> {
    throwIfAborted(ended.signal)
    const missing: string[] = []
    for (const file of files) if (!(await isHeld(file))) missing.push(file)
    const isNew = missing.filter((file) => !coming.has(file))
    if (isNew.length > 0 && settings.offline) throw notInCache(isNew)
    if (isNew.length > 0) {
      const work = fetchAll(isNew, ended.signal).finally(() => isNew.forEach((file) => coming.delete(file)))
      for (const file of isNew) coming.set(file, work)
    }
    await Promise.all(missing.map((file) => coming.get(file)))
  }

  function notInCache(missing: readonly string[]): MissingFileError {
    const [first, ...others] = missing
    const also = others.length === 0 ? '' : `, and neither do ${others.join(', ')}`
    return new MissingFileError({ path: cache.pointer(commit, first!), purpose: `the hub is not asked in offline mode${also}`, remedy: howToFetch(repository, missing) })
  }

  /** Whether the commit has a file that the listing lacks. */
  async function find(file: string): Promise<boolean> {
    if (!isComplete && !settings.offline) {
      listing = await list(ended.signal)
      isComplete = true
    }
    if (isComplete && !listing.has(file)) await cache.noteAbsent(commit, file).catch(() => undefined) // the cache may be read-only
    return listing.has(file)
  }

  return {
    place: cache.snapshot(commit),
    files: new Set(listing.keys()),
    ready,
    find,
    async path(file) {
      const pointer = cache.pointer(commit, file)
      if (!listing.has(file) && !(await find(file))) {
        const none = isComplete || (await cache.isKnownAbsent(commit, file))
        throw new MissingFileError({
          path: pointer,
          purpose: none ? `${repository.id} has no such file at ${repository.revision}` : 'the hub is not asked in offline mode',
          remedy: none ? 'Check the name, or take another revision' : howToFetch(repository, [file]),
        })
      }
      await ready([file])
      return pointer
    },
    end: () => ended.abort(),
    stopWith(signal) {
      const follow = () => ended.abort(signal?.reason)
      if (signal?.aborted === true) follow()
      signal?.addEventListener('abort', follow, { once: true })
      return () => signal?.removeEventListener('abort', follow)
    },
  }
}

/** How to get what an offline machine lacks; the command is that of huggingface_hub, which shares the cache. */
export function howToFetch({ id, revision }: Repository, files: readonly string[]): string {
  const at = revision === 'main' ? '' : ` --revision ${revision}`
  return `Open the model once with a network and without HF_HUB_OFFLINE, or run: hf download ${[id, ...files].join(' ')}${at}`
}
