import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { headSize, headSizeIn, layersIn, optionIn, sizeIn } from './config.js'
import { attend, defineDecoder, nextWords, wordsOf, type DecoderConfig, type Rotation, type Tokens } from './decoder.js'
import { embedding, layerNorm, linear, toRows } from './layers.js'
import { rotaryIn, rotation, type Rotary } from './rotary.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * StarCoder2 (Lozhkov et al. 2024): pre-norm blocks with layer norms, rotary positions, grouped keys and values, a window, a plain wide
 * layer, and biases everywhere.
 * @example
 * const { decoder } = await starcoder2().build(checkpoint, { head: 'causal-lm' })
 */
export const starcoder2 = (): Model<'starcoder2'> => defineDecoder({ name: 'starcoder2', config, logits, maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

interface Starcoder2Config extends DecoderConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly intermediate: number
  readonly activation: string
  readonly rotary: Rotary
  readonly epsilon: number
  readonly bias: boolean
  /** How many tokens a token sees, itself included, where that is not all. */
  readonly window: number | undefined
  /** Whether the head is the word embedding. */
  readonly tied: boolean
}

function config(checkpoint: Checkpoint): Starcoder2Config {
  const hidden = sizeIn(checkpoint, 'hidden_size')
  const heads = sizeIn(checkpoint, 'num_attention_heads')
  const size = (checkpoint.config['head_dim'] ?? undefined) === undefined ? headSize(hidden, heads) : headSizeIn(checkpoint)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden,
    layers: layersIn(checkpoint),
    heads,
    kvHeads: sizeIn(checkpoint, 'num_key_value_heads', heads),
    headSize: size,
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn<string>(checkpoint, 'hidden_act', 'gelu_pytorch_tanh'),
    rotary: rotaryIn(checkpoint, { size, positions: 4096 }),
    epsilon: optionIn<number>(checkpoint, 'norm_epsilon', 1e-5),
    bias: optionIn<boolean>(checkpoint, 'use_bias', true),
    window: (checkpoint.config['sliding_window'] ?? undefined) === undefined ? undefined : sizeIn(checkpoint, 'sliding_window'),
    tied: optionIn<boolean>(checkpoint, 'tie_word_embeddings', true),
  }
}

/** [batch * scored, vocabulary] */
function logits(weights: Weights, config: Starcoder2Config, tokens: Tokens): Value {
  const w = weights.at('model')
  const words = wordsOf({ embedding: w.at('embed_tokens'), head: weights.at('lm_head') }, config.tied)
  const turned = rotation(w, config.rotary, tokens)
  let x = toRows(embedding(words.embedding, tokens.ids, config.vocabulary, config.hidden)) // [batch * sequence, hidden], here and below
  for (let layer = 0; layer < config.layers; layer++) {
    const block = w.at('layers', layer)
    x = Add(x, attention(block.at('self_attn'), config, layerNorm(block.at('input_layernorm'), x, config.epsilon), tokens, layer, turned))
    x = Add(x, mlp(block.at('mlp'), config, layerNorm(block.at('post_attention_layernorm'), x, config.epsilon)))
  }
  const states = layerNorm(w.at('norm'), tokens.scored(x), config.epsilon)
  return nextWords(words, states, config.vocabulary)
}

function attention(w: Weights, { hidden, heads, kvHeads, headSize: size, bias, window }: Starcoder2Config, x: Value, tokens: Tokens, layer: number, turned: Rotation): Value {
  const project = (name: string, count: number) => linear(w.at(name), x, count * size, { bias })
  const mixed = attend([project('q_proj', heads), project('k_proj', kvHeads), project('v_proj', kvHeads)], tokens, { layer, heads, kvHeads, rotation: turned, window })
  return linear(w.at('o_proj'), mixed, hidden, { bias })
}

function mlp(w: Weights, { hidden, intermediate, activation: name, bias }: Starcoder2Config, x: Value): Value {
  return linear(w.at('c_proj'), activation(w, name, linear(w.at('c_fc'), x, intermediate, { bias })), hidden, { bias })
}
