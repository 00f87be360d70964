import { createReadStream } from 'node:fs'
import type { Embedder } from '@tenon/core'
import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { PIPED } from '../decode-text.js'
import { UsageError } from '../errors/usage-error.js'
import { exitCodes } from '../exit-codes.js'
import type { Progress } from '../progress.js'
import { checkFile } from '../named-paths.js'
import { readLines } from '../read-lines.js'
import type { RunsOn } from '../runtime.js'
import { renderSimilarities, similarities } from '../similarity.js'

export interface EmbedCommandOptions extends CommonOptions, RunsOn {
  readonly file?: string
  readonly similarity?: boolean
  readonly model?: string
}

/** Texts embedded at a time: enough to be grouped by length, and few enough to be printed as they are done. */
const CHUNK = 256

/** `tenon embed [texts…]`: vectors, or similarities. */
export async function embed(context: Context, texts: readonly string[], options: EmbedCommandOptions): Promise<number> {
  const { out, signal } = context
  const lines = await source(context, texts, options)
  using progress = progressFor(context, options)
  const began = performance.now()
  await using opened = await context.open({ model: options.model, backend: options.backend, device: options.device, deployment: options.deployment, signal, progress })
  const embedder = await opened.embedder()
  const loaded = performance.now()

  // Vectors leave as they are done; what needs all of them waits for the end.
  const collected = options.json === true || options.similarity === true
  const all: { text: string; vector: Float32Array }[] = []
  let done = 0
  for await (const chunk of chunks(lines)) {
    const vectors = await embedChunk(embedder, chunk, { done, signal, progress })
    const rows = chunk.map((text, index) => ({ text, vector: vectors[index]! }))
    if (collected) all.push(...rows)
    else {
      progress.clear()
      await out.print(...rows.map(({ text, vector }, index) => JSON.stringify({ index: done + index, text, vector: numbers(vector) })))
      signal.throwIfAborted()
    }
    done += chunk.length
  }
  if (done === 0) throw new UsageError({ message: 'There is no text to embed', remedy: 'Pass texts, a file or a pipe that has some' })
  progress.clear()

  const matrix = options.similarity ? similarities(all.map(({ vector }) => vector)) : undefined
  if (options.json) {
    const timings = { load: loaded - began, embed: performance.now() - loaded }
    const rows = all.map(({ text, vector }) => (matrix === undefined ? { text, vector: numbers(vector) } : { text }))
    await printJson(context, { model: opened.model, dimensions: embedder.dimensions, texts: rows, ...(matrix && { similarities: matrix.map((row) => row.map((value) => Number(value.toFixed(6)))) }), timings }, { indent: 0 })
  } else if (matrix !== undefined) await out.print(...renderSimilarities(all.map(({ text }) => text), matrix, out))
  return exitCodes.done
}

/** Where the texts come from; one place only, so that nothing is left unread by mistake. */
async function source({ stdin, signal }: Context, texts: readonly string[], { file }: EmbedCommandOptions): Promise<Iterable<string> | AsyncIterable<string>> {
  if (texts.length > 0 && file !== undefined) throw new UsageError({ message: 'Texts were passed, and a file too', remedy: 'Pass one of them' })
  if (texts.length > 0) return texts
  if (file !== undefined && file !== '-') return linesOf(file, signal)
  if (stdin !== undefined) return readLines(stdin, signal, PIPED)
  throw new UsageError({ message: 'There is no text to embed', remedy: 'Pass texts: tenon embed "a cat" "a kitten"; or a file, a text a line: tenon embed --file sentences.txt; or pipe lines in' })
}

/** The file is looked for now and opened when it is read: of a stream that nobody reads yet, nobody hears that it fails. */
async function linesOf(file: string, signal: AbortSignal): Promise<AsyncIterable<string>> {
  await checkFile('--file', file)
  return { [Symbol.asyncIterator]: () => readLines(createReadStream(file), signal, file) }
}

async function* chunks(texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string[]> {
  let chunk: string[] = []
  for await (const text of texts) {
    chunk.push(text)
    if (chunk.length < CHUNK) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

interface Working {
  /** Texts of the chunks before. */
  readonly done: number
  readonly signal: AbortSignal
  readonly progress: Progress
}

const embedChunk = (embedder: Embedder, texts: readonly string[], { done, signal, progress }: Working): Promise<Float32Array[]> =>
  embedder(texts, { signal, onProgress: (count) => progress.update({ stage: 'embedding', done: done + count, unit: 'texts' }) })

/** Nine digits tell any two float32 numbers apart (IEEE 754, 5.12.2). */
const numbers = (vector: Float32Array): number[] => Array.from(vector, (value) => Number(value.toPrecision(9)))
