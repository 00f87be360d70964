import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, Gather } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { headSize, layersIn, only, optionIn, sizeIn } from './config.js'
import { attend, defineDecoder, nextWords, positionsOf, wordsOf, type DecoderConfig, type Tokens } from './decoder.js'
import { embedding, layerNorm, linear, toRows } from './layers.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * GPT-2 (Radford et al. 2019): pre-norm blocks with layer norms, learned positions, and a head that is the word embedding.
 * @example
 * const { decoder } = await gpt2().build(checkpoint, { head: 'causal-lm' })
 */
export const gpt2 = (): Model<'gpt2'> => defineDecoder({ name: 'gpt2', config, logits, maxLength: ({ positions }) => positions, spellings: spelledUnder('transformer') })

interface Gpt2Config extends DecoderConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  readonly epsilon: number
  /** What scores are multiplied by in each layer. */
  readonly scales: readonly number[]
  /** Whether the head is the word embedding. */
  readonly tied: boolean
}

function config(checkpoint: Checkpoint): Gpt2Config {
  only(checkpoint, 'add_cross_attention', false)
  const hidden = sizeIn(checkpoint, 'n_embd', 768)
  const heads = sizeIn(checkpoint, 'n_head', 12)
  const layers = layersIn(checkpoint, 'n_layer', 12)
  const size = headSize(hidden, heads)
  const scale = optionIn<boolean>(checkpoint, 'scale_attn_weights', true) ? 1 / Math.sqrt(size) : 1
  const isByLayer = optionIn<boolean>(checkpoint, 'scale_attn_by_inverse_layer_idx', false)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size', 50257),
    hidden,
    layers,
    heads,
    kvHeads: heads,
    headSize: size,
    intermediate: sizeIn(checkpoint, 'n_inner', 4 * hidden),
    activation: optionIn<string>(checkpoint, 'activation_function', 'gelu_new'),
    positions: sizeIn(checkpoint, 'n_positions', 1024),
    epsilon: optionIn<number>(checkpoint, 'layer_norm_epsilon', 1e-5),
    scales: Array.from({ length: layers }, (_, layer) => (isByLayer ? scale / (layer + 1) : scale)),
    tied: optionIn<boolean>(checkpoint, 'tie_word_embeddings', true),
  }
}

/** [batch * scored, vocabulary] */
function logits(weights: Weights, config: Gpt2Config, tokens: Tokens): Value {
  const w = weights.at('transformer')
  const words = wordsOf({ embedding: w.at('wte'), head: weights.at('lm_head') }, config.tied)
  const states = embedding(words.embedding, tokens.ids, config.vocabulary, config.hidden)
  const places = Gather(w.at('wpe').get('weight', [config.positions, config.hidden]), positionsOf(tokens))
  let x = toRows(Add(states, places)) // [batch * sequence, hidden], here and below
  for (let layer = 0; layer < config.layers; layer++) {
    const block = w.at('h', layer)
    x = Add(x, attention(block.at('attn'), config, layerNorm(block.at('ln_1'), x, config.epsilon), tokens, layer))
    x = Add(x, mlp(block.at('mlp'), config, layerNorm(block.at('ln_2'), x, config.epsilon)))
  }
  return nextWords(words, layerNorm(w.at('ln_f'), tokens.scored(x), config.epsilon), config.vocabulary)
}

function attention(w: Weights, { hidden, heads, scales }: Gpt2Config, x: Value, tokens: Tokens, layer: number): Value {
  const projections = convolution(w.at('c_attn'), x, 3 * hidden)
  return convolution(w.at('c_proj'), attend([projections], tokens, { layer, heads, kvHeads: heads, scale: scales[layer] }), hidden)
}

function mlp(w: Weights, { hidden, intermediate, activation: name }: Gpt2Config, x: Value): Value {
  return convolution(w.at('c_proj'), activation(w, name, convolution(w.at('c_fc'), x, intermediate)), hidden)
}

/** Linear layers were convolutions of width 1 in the first release, and are stored so: the weight is [in, out]. */
const convolution = (w: Weights, x: Value, size: number): Value => linear(w, x, size, { transposed: true })
