import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { AbortedError, throwIfAborted } from '@tenon/core'
import { breathe } from '../breathe.js'
import { UnreadableError } from '../errors/unreadable-error.js'
import { contentOfBytes, contentOfText } from './content.js'
import type { Document } from './document.js'
import type { FoundFile, Skipped } from './find-files.js'
import type { Content, ReadDocument, Reader } from './reader.js'

/** Something to read: a file found, or a document from memory. */
export type Item = { readonly file: FoundFile } | { readonly document: Document }

/** A document that was read, and the key by which it is known when it is added again. */
export interface Loaded {
  readonly key: string
  readonly source: string
  readonly read: ReadDocument
}

export interface ReadOptions {
  readonly readers: readonly Reader[]
  readonly maxFileBytes: number
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

/** Reads the items one by one. What cannot be read is skipped with its reason. */
export async function readDocuments(items: readonly Item[], options: ReadOptions): Promise<{ loaded: Loaded[]; skipped: Skipped[] }> {
  const { signal, onProgress } = options
  const loaded = new Map<string, Loaded>()
  const skipped: Skipped[] = []
  for (const [index, item] of items.entries()) {
    await breathe()
    throwIfAborted(signal)
    const source = 'file' in item ? item.file.path : item.document.source
    // A file and a document from memory never replace each other, even when named alike.
    const key = 'file' in item ? `file ${item.file.real}` : `memory ${source}`
    try {
      const { content, reader } = await open(item, options)
      const read = await reader.read(content)
      if (read.blocks.some((block) => block.content.text.trim() !== '')) loaded.set(key, { key, source, read })
      else skipped.push({ source, reason: 'holds no text' })
    } catch (error) {
      if (signal?.aborted) throw new AbortedError(signal.reason)
      skipped.push({ source, reason: error instanceof UnreadableError ? error.reason : `could not be read: ${error instanceof Error ? error.message : String(error)}` })
    }
    onProgress(index + 1, items.length)
  }
  return { loaded: [...loaded.values()], skipped }
}
