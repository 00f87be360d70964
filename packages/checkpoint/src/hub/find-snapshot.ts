import { AbortedError, NoSuchRevisionError, type Emit } from '@tenon/core'
import { isGguf, partNames } from '../gguf/gguf-names.js'
import { listFiles } from '../list-files.js'
import { chooseModel, graphFiles, type Variant } from '../variants.js'
import { safetensorsIndex } from '../weights.js'
import { sizeOf, type HubCache } from './hub-cache.js'
import { howToFetch, type Snapshot } from './hub-files.js'
import { NotThere } from './hub-request.js'
import type { HubSettings } from './hub-settings.js'
import { readTree, writeTree, type Listing, type RevisionListing } from './listing.js'
import { isCommit, type Repository } from './repository.js'
import { ATTEMPTS } from './retry.js'

export interface FoundSnapshot extends Snapshot {
  /** Whether the hub was just asked for it, so that files may be downloaded unasked. */
  readonly isCurrent: boolean
}

export interface FindOptions {
  readonly settings: HubSettings
  readonly cache: HubCache
  readonly list: (revision: string, signal: AbortSignal, attempts?: number) => Promise<RevisionListing>
  readonly variant: Variant | undefined
  readonly emit: Emit
  readonly signal: AbortSignal
}

/**
 * Finds the commit that a revision stands for, and what it holds. The hub is asked once; not at all for a commit that the
 * cache knows, and offline. Where the hub gives no answer, a model that the cache holds is used as it is, with a notice.
 * @throws NoSuchRevisionError, DownloadError, AccessDeniedError, AbortedError
 */
export async function findSnapshot(repository: Repository, { settings, cache, list, variant, emit, signal }: FindOptions): Promise<FoundSnapshot | { readonly notFound: string }> {
  const { id, revision } = repository
  const known = await cachedSnapshot(repository, cache)
  const held = known !== undefined && (await holdsModel(known, cache, variant))
  if (known !== undefined && isCommit(revision) && (known.isComplete || (held && hasTokenizer(known.listing)))) return known
  if (settings.offline) return known ?? { notFound: `${cache.folder} holds nothing of it at ${revision}, and the hub is not asked in offline mode. ${howToFetch(repository, [])}` }
  try {
    const { commit, listing } = await list(revision, signal, held ? 1 : ATTEMPTS)
    await writeTree(cache.tree(commit), listing).catch(() => undefined) // the cache may be read-only, and hold all
    return { repository, commit, listing, isComplete: true, isCurrent: true }
  } catch (error) {
    if (error instanceof AbortedError || error instanceof NoSuchRevisionError) throw error
    if (held) {
      emit({ type: 'notice', code: 'TENON_HUB_FROM_CACHE', message: `${id} is opened as it was last fetched, commit ${known.commit.slice(0, 7)}, since the hub gave no answer: ${(error as Error).message}` })
      return known
    }
    if (!(error instanceof NotThere)) throw error
    return { notFound: `${settings.endpoint} ${error.message}: there is no model '${id}'${settings.token === undefined ? ', or it is private and needs a token, in the variable HF_TOKEN or as hub({ token })' : ', or the token may not read it'}` }
  }
}

/** What the cache knows of a revision. */
async function cachedSnapshot(repository: Repository, cache: HubCache): Promise<FoundSnapshot | undefined> {
  const commit = isCommit(repository.revision) ? repository.revision : await cache.readRef(repository.revision)
  if (commit === undefined) return undefined
  const tree = await readTree(cache.tree(commit))
  const listing = tree ?? (await filesHeld(cache.snapshot(commit)))
  return listing && { repository, commit, listing, isComplete: tree !== undefined, isCurrent: false }
}

async function filesHeld(folder: string): Promise<Listing | undefined> {
  const held = await listFiles(folder).catch(() => undefined)
  return held && new Map([...held.files].map((file) => [file, { size: undefined, etag: undefined, gitId: undefined }]))
}

/** Whether the cache holds the config and what stands for the model. */
async function holdsModel({ commit, listing }: Snapshot, cache: HubCache, variant: Variant | undefined): Promise<boolean> {
  const files = new Set(listing.keys())
  const needed: string[] = []
  try {
    const chosen = chooseModel(cache.snapshot(commit), files, variant)
    if (chosen === undefined || !('gguf' in chosen)) needed.push('config.json')
    if (chosen !== undefined && 'gguf' in chosen) needed.push(...partNames(chosen.gguf))
    else if (chosen !== undefined && 'graph' in chosen) needed.push(...graphFiles(files, chosen.graph))
    else if (chosen !== undefined) needed.push(chosen.weights, ...(chosen.weights === safetensorsIndex ? [...files].filter((file) => /^model-\d+-of-\d+\.safetensors$/.test(file)) : []))
  } catch {
    return false
  }
  const sizes = await Promise.all(needed.map((file) => sizeOf(cache.pointer(commit, file))))
  return sizes.every((size, index) => size !== undefined && size === (listing.get(needed[index]!)?.size ?? size))
}

/** A GGUF file has its own. */
const hasTokenizer = (listing: Listing) => [...listing.keys()].some(isGguf) || ['tokenizer.json', 'vocab.txt', 'vocab.json', 'tokenizer.model'].some((file) => listing.has(file))
