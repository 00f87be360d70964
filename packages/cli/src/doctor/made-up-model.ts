import { bytesOf, lazyConstant, WeightMismatchError, type Checkpoint, type Constant, type Graph, type Model } from '@tenon/core'

/** An architecture, in the words that the configs of the families have for it. */
export interface Architecture {
  readonly hidden: number
  readonly heads: number
  readonly intermediate: number
  readonly words: number
}

/** One layer of all-MiniLM-L6-v2, over fewer words. */
export const MINILM: Architecture = { hidden: 384, heads: 12, intermediate: 1536, words: 1000 }

/** Small enough to build every family in no time. */
export const TINY: Architecture = { hidden: 16, heads: 2, intermediate: 32, words: 32 }

const POSITIONS = 512

/** What each family asks of its config; what one does not ask for it does not read. */
const configOf = (family: string, { hidden, heads, intermediate, words }: Architecture) => ({
  model_type: family,
  vocab_size: words,
  hidden_size: hidden,
  dim: hidden,
  embedding_size: hidden,
  num_hidden_layers: 1,
  n_layers: 1,
  num_attention_heads: heads,
  n_heads: heads,
  intermediate_size: intermediate,
  hidden_dim: intermediate,
  max_position_embeddings: POSITIONS,
  type_vocab_size: 2,
  // What tells a DeBERTa from a BERT.
  relative_attention: true,
  pos_att_type: 'p2c|c2p',
})

/**
 * The graph of a family's base, one layer over weights that are made up: what a family computes shows without a checkpoint of it.
 * The weights are those that the family misses, until it misses none.
 * @throws what the family throws for another reason.
 */
export async function madeUpModel(family: Model, architecture: Architecture): Promise<Graph> {
  const constants = new Map<string, Constant>()
  const absent = (): never => {
    throw new TypeError('a model that is made up has no files')
  }
  const checkpoint: Checkpoint = { reference: 'made up', config: configOf(family.name, architecture), constants, files: [], path: absent, json: absent, tokenizer: absent, async [Symbol.asyncDispose]() {} }
  constants.set('', noise([1], 0)) // a checkpoint without any weights would be one of an exported graph
  for (;;) {
    try {
      return (await family.build(checkpoint, { head: 'base' }))['model']!
    } catch (error) {
      if (!(error instanceof WeightMismatchError) || error.actual !== undefined || constants.has(error.tensor)) throw error
      constants.set(error.tensor, noise(error.expected, constants.size))
    }
  }
}

/** Numbers between -0.1 and 0.1, other ones for each seed: runtimes store equal weights once. */
const noise = (shape: readonly number[], seed: number): Constant =>
  lazyConstant('float32', shape, async () => {
    let state = Math.imul(seed + 1, 2654435761)
    const length = shape.reduce((product, size) => product * size, 1)
    return bytesOf(Float32Array.from({ length }, () => (state = Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917 | 0) / 2 ** 31 / 10))
  })
