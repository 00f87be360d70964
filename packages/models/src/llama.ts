import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, Mul } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { optionIn, sizeIn } from './config.js'
import { attend, defineDecoder, type DecoderConfig, type Tokens } from './decoder.js'
import { embedding, linear, rmsNorm, toRows } from './layers.js'
import { rotaryIn, rotation, type Rotary, type Rotation } from './rotary.js'
import type { Weights } from './weights.js'

/**
 * Llama (Touvron et al. 2023), and what is built like it: SmolLM2, TinyLlama, Vicuna. Pre-norm blocks with RMS norms, rotary
 * positions, grouped keys and values, and a gated layer (SwiGLU, Shazeer 2020).
 * @example
 * const { decoder } = await llama().build(checkpoint, { head: 'causal-lm' })
 */
export const llama = (): Model<'llama'> => defineDecoder({ name: 'llama', config, logits, maxLength: ({ rotary }) => rotary.positions })

export interface LlamaConfig extends DecoderConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly intermediate: number
  readonly activation: string
  readonly rotary: Rotary
  readonly epsilon: number
  /** Which projections have a bias. */
  readonly biases: Readonly<Record<'attention' | 'mlp', boolean>>
  /** How many tokens a token sees, itself included, where not all. */
  readonly window?: number | undefined
  /** Whether the head is the word embedding. */
  readonly tied: boolean
}

export function config(checkpoint: Checkpoint): LlamaConfig {
  const hidden = sizeIn(checkpoint, 'hidden_size')
  const heads = sizeIn(checkpoint, 'num_attention_heads')
  const size = sizeIn(checkpoint, 'head_dim', hidden / heads)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden,
    layers: sizeIn(checkpoint, 'num_hidden_layers'),
    heads,
    kvHeads: sizeIn(checkpoint, 'num_key_value_heads', heads),
    headSize: size,
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn<string>(checkpoint, 'hidden_act', 'silu'),
    rotary: rotaryIn(checkpoint, { size }),
    epsilon: optionIn<number>(checkpoint, 'rms_norm_eps', 1e-6),
    biases: { attention: optionIn<boolean>(checkpoint, 'attention_bias', false), mlp: optionIn<boolean>(checkpoint, 'mlp_bias', false) },
    tied: optionIn<boolean>(checkpoint, 'tie_word_embeddings', false),
  }
}

/** [batch * scored, vocabulary] */
export function logits(weights: Weights, config: LlamaConfig, tokens: Tokens): Value {
  const w = weights.at('model')
  const turned = rotation(w, config.rotary, tokens)
  let x = toRows(embedding(w.at('embed_tokens'), tokens.ids, config.vocabulary, config.hidden)) // [batch * sequence, hidden], here and below
  for (let layer = 0; layer < config.layers; layer++) {
    const block = w.at('layers', layer)
    x = Add(x, attention(block.at('self_attn'), config, rmsNorm(block.at('input_layernorm'), x, config.epsilon), tokens, layer, turned))
    x = Add(x, gated(block.at('mlp'), config, rmsNorm(block.at('post_attention_layernorm'), x, config.epsilon)))
  }
  const states = rmsNorm(w.at('norm'), tokens.scored(x), config.epsilon)
  return linear(config.tied ? w.at('embed_tokens') : weights.at('lm_head'), states, config.vocabulary, { bias: false })
}

function attention(w: Weights, { hidden, heads, kvHeads, headSize, biases, window }: LlamaConfig, x: Value, tokens: Tokens, layer: number, turned: Rotation): Value {
  const project = (name: string, count: number) => linear(w.at(name), x, count * headSize, { bias: biases.attention })
  const mixed = attend(project('q_proj', heads), project('k_proj', kvHeads), project('v_proj', kvHeads), tokens, { layer, heads, kvHeads, rotation: turned, window })
  return linear(w.at('o_proj'), mixed, hidden, { bias: biases.attention })
}

/** Half of the wide layer lets the other half through. */
function gated(w: Weights, { hidden, intermediate, activation: name, biases }: LlamaConfig, x: Value): Value {
  const wide = (part: string) => linear(w.at(part), x, intermediate, { bias: biases.mlp })
  return linear(w.at('down_proj'), Mul(activation(w, name, wide('gate_proj')), wide('up_proj')), hidden, { bias: biases.mlp })
}
