import { EmbedderMismatchError } from './errors/embedder-mismatch-error.js'
import type { EmbedderIdentity } from './store.js'

/**
 * The lowest cosine between embeddings of the same text that counts as one model. In 8 bits a model comes within 0.992 of
 * itself in 32 (docs/decisions/0006-dynamic-int8.md); others are nowhere near.
 */
const closest = 0.98

/**
 * For stores: compares the embedder that asks with the one whose vectors are held, by their embeddings of one text. Not by
 * name or file: models move, and the same vectors come from whatever backend.
 * @throws EmbedderMismatchError
 */
export async function checkEmbedder(store: string, held: { readonly dimensions: number; readonly sample: Float32Array }, asking: EmbedderIdentity): Promise<void> {
  if (held.dimensions !== asking.dimensions) {
    throw new EmbedderMismatchError({ store, problem: `its vectors have ${held.dimensions} numbers, and this model's ${asking.dimensions}` })
  }
  const sample = await asking.sample()
  const cosine = held.sample.reduce((sum, value, index) => sum + value * (sample[index] as number), 0)
  if (!(cosine >= closest)) throw new EmbedderMismatchError({ store, problem: `their vectors of one text have a cosine of ${cosine.toFixed(2)}` })
}
