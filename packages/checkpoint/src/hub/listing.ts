import { InvalidFileError } from '@tenon/core'
import { isContained } from '../contained.js'
import { isRecord, isSize } from '../json.js'
import { fileLimit } from '../list-files.js'
import { readText } from '../read-text.js'
import { writeWhole } from './hub-cache.js'
import type { SendToHub } from './hub-request.js'
import { isCommit, type Repository } from './repository.js'

/** What a listing says of a file; a server may leave out what it is asked for. */
export interface RepositoryFile {
  readonly size: number | undefined
  /** Name of the blob: the sha256 of a large file, git's sha1 of another. */
  readonly etag: string | undefined
  /** Git's sha1: the etag itself, or that of the pointer in a large file's stead. */
  readonly gitId: string | undefined
}

/** The files of a commit. */
export type Listing = ReadonlyMap<string, RepositoryFile>

/** What a revision stands for. */
export interface RevisionListing {
  readonly commit: string
  readonly listing: Listing
}

/** Bytes of the longest answer read: ten times what 10,000 files take. */
const answerLimit = 32 * 2 ** 20

const hash = (value: unknown, digits: number) => (typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value) ? value : undefined)

/**
 * Asks the hub what a revision stands for, and what it holds, in one request.
 * @throws InvalidFileError for what is no such answer, and for file names that would lead out of the cache.
 */
export async function listRevision(send: SendToHub, endpoint: string, { id, revision }: Repository, signal: AbortSignal): Promise<RevisionListing> {
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}`
  const fail = (problem: string) => new InvalidFileError({ path: url, problem, remedy: 'Check the endpoint, which should be a Hugging Face Hub or a mirror of one, and whether a login page or a proxy answers in its stead' })
  const { headers, chunks } = await send({ method: 'GET', url: `${url}?blobs=true`, signal })
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of chunks()) {
    parts.push(part)
    length += part.byteLength
    if (length > answerLimit) throw fail(`answers with more than ${answerLimit} bytes`)
  }
  const text = Buffer.concat(parts).toString('utf8')
  try {
    return parseRevision(JSON.parse(text), fail)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw fail(headers.get('content-type')?.includes('html') === true || /^\s*</.test(text) ? 'answers with a web page, not with JSON' : 'answers with what is no JSON')
  }
}

function parseRevision(answer: unknown, fail: (problem: string) => InvalidFileError): RevisionListing {
  if (!isRecord(answer) || typeof answer.sha !== 'string' || !isCommit(answer.sha)) throw fail("names no commit in 'sha'")
  if (!Array.isArray(answer.siblings)) throw fail("lists no files in 'siblings'")
  if (answer.siblings.length > fileLimit) throw fail(`lists more than ${fileLimit} files`)
  const listing = new Map<string, RepositoryFile>()
  for (const sibling of answer.siblings as unknown[]) {
    const name = isRecord(sibling) ? sibling.rfilename : undefined
    if (!isRecord(sibling) || typeof name !== 'string') throw fail('lists a file without a name')
    if (!isPlain(name)) throw fail(`lists the file ${JSON.stringify(name.slice(0, 200))}, whose name leads out of the repository`)
    const { lfs, size, blobId } = sibling
    listing.set(name, isRecord(lfs) ? entry(lfs.size, lfs.sha256 ?? lfs.oid, blobId) : entry(size, undefined, blobId))
  }
  return { commit: answer.sha, listing: sorted(listing) }
}

function entry(size: unknown, sha256: unknown, blobId: unknown): RepositoryFile {
  const gitId = hash(blobId, 40)
  return { size: isSize(size) ? size : undefined, etag: sha256 === undefined ? gitId : hash(sha256, 64), gitId }
}

/** A name as git has it: relative, with forward slashes, without empty parts. */
const isPlain = (name: string) => isContained(name) && !name.includes('\\') && name.split('/').every((part) => part !== '' && part !== '.')

const sorted = (listing: ReadonlyMap<string, RepositoryFile>): Listing => new Map([...listing].sort(([a], [b]) => (a < b ? -1 : 1)))

/**
 * Reads `trees/<commit>.json`, in which huggingface_hub keeps what a commit holds (format 1 of its _tree_cache.py);
 * `undefined` where it is absent, or not what we know.
 */
export async function readTree(path: string): Promise<Listing | undefined> {
  try {
    const tree: unknown = JSON.parse((await readText(path)) ?? 'null')
    if (!isRecord(tree) || tree.format_version !== 1 || !isRecord(tree.files)) return undefined
    const listing = new Map<string, RepositoryFile>()
    for (const [name, file] of Object.entries(tree.files)) {
      if (!isRecord(file) || !isPlain(name)) return undefined
      listing.set(name, entry(file.lfs_size ?? file.size, file.lfs_sha256, file.blob_id))
    }
    return listing.size > fileLimit ? undefined : sorted(listing)
  } catch {
    return undefined
  }
}

/** Keeps what a commit holds for the next time, where the server said it in full. */
export async function writeTree(path: string, listing: Listing): Promise<void> {
  const files: Record<string, unknown> = Object.create(null) as Record<string, unknown> // a file may be named '__proto__'
  for (const [name, { size, etag, gitId }] of listing) {
    if (size === undefined || etag === undefined || gitId === undefined) return
    files[name] = { size, blob_id: gitId, ...(etag === gitId ? {} : { lfs_sha256: etag, lfs_size: size }) }
  }
  await writeWhole(path, JSON.stringify({ format_version: 1, files }, null, 1))
}
