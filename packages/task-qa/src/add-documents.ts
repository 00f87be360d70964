import { InvalidInputError, throwIfAborted, type Collection, type Embedder, type NewDocument, type ProgressEvent, type StoredPassage, type TaskContext } from '@tenon/core'
import { breathe } from './breathe.js'
import { checkMetadata, isStorable } from './check-metadata.js'
import type { AddOptions, AddReport } from './contracts.js'
import type { Document } from './documents/document.js'
import { findFiles } from './documents/find-files.js'
import { keysGone } from './documents/keys.js'
import { readDocuments, type Item } from './documents/read-documents.js'
import { NoDocumentsError } from './errors/no-documents-error.js'
import type { ResolvedOptions } from './options.js'
import { progress } from './progress.js'
import { termsOf } from './search/terms.js'
import { normalise } from './search/vectors.js'
import { inContext } from './split/context.js'
import { passagesOf, type Piece } from './split/passages.js'
import { wellFormed } from './well-formed.js'

export interface AddContext {
  readonly embed: Embedder
  readonly collection: Collection
  readonly options: ResolvedOptions
  readonly emit: TaskContext['emit']
}

/** A piece without what its text says already. */
const storedPassage = ({ sentences, ...piece }: Piece): StoredPassage => ({
  ...piece,
  sentences: sentences.map(({ from, to, start, end, runs }) => ({ from, to, start, end, ...(runs && { runs }) })),
})

/** @throws InvalidInputError */
function checkListed(listed: readonly (string | Document)[]): void {
  for (const entry of listed) {
    if (typeof entry === 'string' ? entry !== '' : typeof entry?.source === 'string' && isStorable(entry.source) && typeof entry.text === 'string') {
      if (typeof entry !== 'string') checkMetadata(entry.metadata)
      continue
    }
    throw new InvalidInputError({ what: 'what is to be added', problem: 'is neither a path nor a document', remedy: 'pass paths, or objects with source and text' })
  }
}

/** Finds, reads, cuts and embeds what is new, and hands it to the store as one change. */
export async function addDocuments({ embed, collection, options, emit }: AddContext, what: string | readonly string[] | readonly Document[], { signal, onProgress, metadata, prune = false }: AddOptions): Promise<AddReport> {
  const tell = (event: ProgressEvent) => {
    emit(event)
    onProgress?.(event)
  }
  const listed: readonly (string | Document)[] = typeof what === 'string' ? [what] : what
  checkListed(listed)
  checkMetadata(metadata)
  const before = await collection.documents()
  const known = new Map(before.map((document) => [document.key, document]))
  /** What a document is to have: what was said of all, of itself, or what it had. */
  const metadataOf = (key: string, own: Document['metadata']) => (metadata === undefined && own === undefined ? (known.get(key)?.metadata ?? {}) : { ...metadata, ...own })

  const found = await findFiles(listed.filter((entry) => typeof entry === 'string'), signal)
  const items: Item[] = [...found.files.map((file) => ({ file })), ...listed.filter((entry) => typeof entry !== 'string').map((document) => ({ document }))]
  // A unit is about 1.3 tokens; headings take up to 48.
  const bound = Math.max(16, Math.min(options.passageLength, Math.floor((embed.maxLength - 48) / 1.3)))
  const { readers, maxFileBytes } = options
  const revisions = new Map(before.map(({ key, revision }) => [key, revision]))
  const read = await readDocuments(items, { readers, maxFileBytes, splitting: String(bound), revisions, signal, onProgress: progress('reading documents', 'documents', tell) })
  const skipped = [...found.skipped, ...read.skipped]
  const gone = prune ? await keysGone(found.folders, before) : []
  if (read.loaded.length + read.unchanged.length + gone.length === 0) {
    throw new NoDocumentsError({
      paths: listed.map((entry) => (typeof entry === 'string' ? entry : entry.source)),
      extensions: readers.flatMap((reader) => reader.extensions),
      skipped,
    })
  }

  const cut: { document: Omit<NewDocument, 'passages'>; pieces: Piece[] }[] = []
  for (const { key, source, revision, metadata: own, read: content } of read.loaded) {
    await breathe()
    throwIfAborted(signal)
    cut.push({ document: { key, source, revision, metadata: metadataOf(key, own) }, pieces: passagesOf(content, bound) })
  }
  const texts = cut.flatMap(({ pieces }) => pieces.map(({ headings, text }) => inContext(headings, text)))
  const vectors = texts.length === 0 ? [] : await embed(texts.map(wellFormed), { ...(signal && { signal }), onProgress: progress('embedding passages', 'passages', tell) })
  throwIfAborted(signal)

  let next = 0
  const put: NewDocument[] = []
  for (const { document, pieces } of cut) {
    await breathe()
    const passages = pieces.map((piece) => ({ passage: storedPassage(piece), vector: normalise(vectors[next] as Float32Array), terms: termsOf(texts[next++] as string) }))
    put.push({ ...document, passages })
  }
  const describe = read.unchanged
    .map(({ key, source, metadata: own }) => ({ key, source, metadata: metadataOf(key, own) }))
    .filter(({ key, source, metadata: wanted }) => source !== known.get(key)?.source || !sameMetadata(wanted, known.get(key)?.metadata ?? {}))
  const counts = await collection.write({ put, describe, remove: gone }, { ...(signal && { signal }), onProgress: progress('indexing passages', 'passages', tell) })
  return { documents: put.length, replaced: counts.replaced, unchanged: read.unchanged.length, removed: counts.removed, passages: texts.length, skipped }
}

const sameMetadata = (one: NewDocument['metadata'], other: NewDocument['metadata']) =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([field, value]) => other[field] === value)
