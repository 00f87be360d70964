import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { AbortedError, throwIfAborted, type Metadata } from '@tenon/core'
import { breathe } from '../breathe.js'
import { UnreadableError } from '../errors/unreadable-error.js'
import { contentOfBytes, contentOfText } from './content.js'
import type { Document } from './document.js'
import type { FoundFile, Skipped } from './find-files.js'
import { keyOfFile, keyOfMemory } from './keys.js'
import type { Content, ReadDocument, Reader } from './reader.js'
import { revisionOf } from './revision.js'

/** Something to read: a file found, or a document from memory. */
export type Item = { readonly file: FoundFile } | { readonly document: Document }

/** A document that was read, and the key by which it is known when it is added again. */
export interface Loaded extends Known {
  readonly read: ReadDocument
}

/** A document that is there already, and would be read as it was. */
export interface Known {
  readonly key: string
  readonly source: string
  readonly revision: string
  /** Its own, where it came from memory with some. */
  readonly metadata: Metadata | undefined
}

export interface ReadOptions {
  readonly readers: readonly Reader[]
  readonly maxFileBytes: number
  /** What tells one way of cutting texts from another. */
  readonly splitting: string
  /** By key, what is there. */
  readonly revisions: ReadonlyMap<string, string>
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
}

const readerFor = (readers: readonly Reader[], extension: string) => readers.findLast(({ extensions }) => extensions.includes(extension.toLowerCase()))

async function open(item: Item, { readers, maxFileBytes, signal }: ReadOptions): Promise<{ content: Content; reader: Reader }> {
  if ('document' in item) {
    const { source, text, format } = item.document
    const reader = readerFor(readers, format ?? extname(source))
    // A name that says nothing is a name, not a format: its text is plain.
    if (reader === undefined && format !== undefined) throw new UnreadableError({ source, reason: `has the format '${format}', which no reader reads`, remedy: 'Pass a reader for it' })
    return { content: contentOfText(source, text), reader: reader ?? (readerFor(readers, '.txt') as Reader) }
  }
  const { path, real, bytes } = item.file
  const extension = extname(path)
  const reader = readerFor(readers, extension)
  if (reader === undefined) throw new UnreadableError({ source: path, reason: `has the extension '${extension}', which no reader reads`, remedy: 'Pass a reader for it' })
  if (bytes > maxFileBytes) {
    throw new UnreadableError({ source: path, reason: `has ${bytes} bytes, more than ${maxFileBytes}`, remedy: "Divide it, or raise the option 'maxFileBytes'" })
  }
  return { content: contentOfBytes(path, await readFile(real, { signal })), reader }
}

/** Reads the items one by one. What has not changed is not read, and what cannot be read is skipped with its reason. */
export async function readDocuments(items: readonly Item[], options: ReadOptions): Promise<{ loaded: Loaded[]; unchanged: Known[]; skipped: Skipped[] }> {
  const { signal, onProgress, revisions, splitting } = options
  const loaded = new Map<string, Loaded>()
  const unchanged = new Map<string, Known>()
  const skipped: Skipped[] = []
  for (const [index, item] of items.entries()) {
    await breathe()
    throwIfAborted(signal)
    const source = 'file' in item ? item.file.path : item.document.source
    const key = 'file' in item ? keyOfFile(item.file.real) : keyOfMemory(source)
    try {
      const { content, reader } = await open(item, options)
      const known: Known = { key, source, revision: revisionOf(content.bytes(), reader, splitting), metadata: 'document' in item ? item.document.metadata : undefined }
      // Of two with one key the later counts.
      loaded.delete(key)
      unchanged.delete(key)
      if (revisions.get(key) === known.revision) unchanged.set(key, known)
      else {
        const read = await reader.read(content)
        if (read.blocks.some((block) => block.content.text.trim() !== '')) loaded.set(key, { ...known, read })
        else skipped.push({ source, reason: 'holds no text' })
      }
    } catch (error) {
      if (signal?.aborted) throw new AbortedError(signal.reason)
      skipped.push({ source, reason: error instanceof UnreadableError ? error.reason : `could not be read: ${error instanceof Error ? error.message : String(error)}` })
    }
    onProgress(index + 1, items.length)
  }
  return { loaded: [...loaded.values()], unchanged: [...unchanged.values()], skipped }
}
