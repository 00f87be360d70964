import type { Embedder, EmbedOptions, Task, TaskContext } from '@tenon/core'
import { checkTexts } from '@tenon/checkpoint/encoder'
import type { EmbeddingOptions } from './embedding.js'

/** How alike in meaning each sentence is to the first: cosines, from -1 to 1, in the order of the sentences. */
export interface SentenceSimilarity {
  (sourceSentence: string, sentences: readonly string[], options?: EmbedOptions): Promise<number[]>
  /** Tokens read of each sentence; the rest is cut off. */
  readonly maxLength: number
}

/**
 * The task `'sentence-similarity'`: by the cosines of embeddings, so the runtime needs `embedding()` too. It takes the
 * options of that task, and throws what it throws.
 * @example
 * const similarity = await runtime.task('sentence-similarity', { model: './all-MiniLM-L6-v2' })
 * const [close, far] = await similarity('A cat sleeps', ['A kitten naps', 'Stocks fell'])
 */
export function sentenceSimilarity(): Task<'sentence-similarity', EmbeddingOptions, SentenceSimilarity> {
  return { kind: 'task', version: 'v1', name: 'sentence-similarity', create }
}

async function create(context: TaskContext, options: EmbeddingOptions): Promise<SentenceSimilarity> {
  const embed = await context.task<Embedder>('embedding', options)
  const similarity = async (sourceSentence: string, sentences: readonly string[], call: EmbedOptions = {}) => {
    checkTexts([sourceSentence])
    checkTexts(sentences)
    const [source, ...others] = await embed([sourceSentence, ...sentences], call)
    return others.map((other) => cosine(source!, other))
  }
  return Object.assign(similarity, { maxLength: embed.maxLength })
}

/** Models need not normalise. A vector of zeros is like none. */
function cosine(a: Float32Array, b: Float32Array): number {
  let [product, ofA, ofB] = [0, 0, 0]
  for (let index = 0; index < a.length; index++) {
    product += a[index]! * b[index]!
    ofA += a[index]! ** 2
    ofB += b[index]! ** 2
  }
  return product === 0 ? 0 : product / Math.sqrt(ofA * ofB)
}
