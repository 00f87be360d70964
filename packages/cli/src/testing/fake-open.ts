import { createRuntime, throwIfAborted, type Embedder, type EmbedOptions, type Task } from '@tenon/core'
import { fileStore, knowledgeBase } from '@tenon/task-qa'
import type { Open } from '../runtime.js'

const DIMENSIONS = 64

/** Texts are alike when their words begin alike. */
function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS)
  for (const [word] of text.toLowerCase().matchAll(/\p{Script=Han}|[\p{L}\p{N}]+/gu)) {
    let hash = 7
    for (const character of word.slice(0, 5)) hash = (hash * 31 + character.codePointAt(0)!) % 65_521
    vector[hash % DIMENSIONS]! += 1
  }
  const norm = Math.hypot(...vector) || 1
  return vector.map((value) => value / norm)
}

async function embed(texts: string | readonly string[], { signal, onProgress }: EmbedOptions = {}): Promise<Float32Array | Float32Array[]> {
  throwIfAborted(signal)
  if (typeof texts === 'string') return vectorOf(texts)
  onProgress?.(texts.length, texts.length)
  return texts.map(vectorOf)
}

/** The real knowledge base over embeddings that need no model, and how often it was opened and freed. */
export function fakeOpen({ before }: { before?: () => void | Promise<void> } = {}): Open & { opened: number; freed: number } {
  const embedder = Object.assign(embed as Embedder, { dimensions: DIMENSIONS, maxLength: 256 })
  const embedding: Task<'embedding', object, Embedder> = {
    kind: 'task',
    version: 'v1',
    name: 'embedding',
    async create() {
      await before?.()
      return Object.assign(embedder.bind(undefined) as Embedder, { dimensions: DIMENSIONS, maxLength: 256 })
    },
  }
  const open: Open = async ({ signal, progress }) => {
    counting.opened++
    const runtime = createRuntime({ plugins: [embedding, knowledgeBase()] })
    runtime.on('progress', progress.update)
    runtime.on('notice', ({ message }) => progress.note(message))
    return {
      model: 'fake',
      knowledgeBase: ({ store } = {}) => runtime.task('knowledge-base', { model: 'fake', signal, ...(store !== undefined && { store: fileStore(store) }) }),
      embedder: () => runtime.task('embedding', { model: 'fake', signal }),
      async [Symbol.asyncDispose]() {
        counting.freed++
        await runtime.dispose()
      },
    }
  }
  const counting = Object.assign(open, { opened: 0, freed: 0 })
  return counting
}
