import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, Mul } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { headSize, headSizeIn, layersIn, optionIn, sizeIn } from './config.js'
import { attend, defineDecoder, nextWords, wordsOf, type DecoderConfig, type Rotation, type Tokens } from './decoder.js'
import { embedding, linear, rmsNorm, toRows } from './layers.js'
import { rotaryIn, rotation, type Rotary } from './rotary.js'
import { spelledUnder, type Weights } from './weights.js'
import type { Windows } from './windows.js'

/**
 * Llama (Touvron et al. 2023), and what is built like it: SmolLM2, TinyLlama, Vicuna. Pre-norm blocks with RMS norms, rotary
 * positions, grouped keys and values, and a gated layer (SwiGLU, Shazeer 2020).
 * @example
 * const { decoder } = await llama().build(checkpoint, { head: 'causal-lm' })
 */
export const llama = (): Model<'llama'> => defineDecoder({ name: 'llama', config, logits, maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

export interface LlamaConfig extends DecoderConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly intermediate: number
  readonly activation: string
  readonly rotary: Rotary
  readonly epsilon: number
  /** Which projections have a bias: to queries, keys and values, out of attention, and those of the gated layer. */
  readonly biases: Readonly<Record<'projections' | 'output' | 'mlp', boolean>>
  readonly windows?: Windows
  /** Whether the head is the word embedding. */
  readonly tied: boolean
}

function config(checkpoint: Checkpoint): LlamaConfig {
  const attention = optionIn<boolean>(checkpoint, 'attention_bias', false)
  return llamaConfig(checkpoint, { biases: { projections: attention, output: attention, mlp: optionIn<boolean>(checkpoint, 'mlp_bias', false) } })
}

/** What differs between the families that are built alike. */
interface Particulars extends Pick<LlamaConfig, 'biases' | 'windows'> {
  /** Where the config gives no `head_dim`. Default: the hidden size, shared out. */
  readonly headSize?: number
  /** Where the config gives no `max_position_embeddings`. */
  readonly positions?: number
}

/** @throws InvalidFileError, ShapeMismatchError */
export function llamaConfig(checkpoint: Checkpoint, { biases, windows, headSize: usualSize, positions = 2048 }: Particulars): LlamaConfig {
  const hidden = sizeIn(checkpoint, 'hidden_size')
  const heads = sizeIn(checkpoint, 'num_attention_heads')
  const size = (checkpoint.config['head_dim'] ?? undefined) === undefined ? usualSize ?? headSize(hidden, heads) : headSizeIn(checkpoint)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden,
    layers: layersIn(checkpoint),
    heads,
    kvHeads: sizeIn(checkpoint, 'num_key_value_heads', heads),
    headSize: size,
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn<string>(checkpoint, 'hidden_act', 'silu'),
    rotary: rotaryIn(checkpoint, { size, positions }),
    epsilon: optionIn<number>(checkpoint, 'rms_norm_eps', 1e-6),
    tied: optionIn<boolean>(checkpoint, 'tie_word_embeddings', false),
    biases,
    ...(windows !== undefined && { windows }),
  }
}

/** What is done in a block, where a family does it in a way of its own. x: [batch * sequence, hidden], and so is what they give. */
interface Parts<Config extends LlamaConfig> {
  attention?(w: Weights, config: Config, x: Value, tokens: Tokens, layer: number, turned: Rotation): Value
  mlp?(w: Weights, config: Config, x: Value, layer: number): Value
}

/** [batch * scored, vocabulary] */
export function logits<Config extends LlamaConfig>(weights: Weights, config: Config, tokens: Tokens, { attention = selfAttention, mlp = gated }: Parts<Config> = {}): Value {
  const w = weights.at('model')
  const words = wordsOf({ embedding: w.at('embed_tokens'), head: weights.at('lm_head') }, config.tied)
  const turned = rotation(w, config.rotary, tokens)
  let x = toRows(embedding(words.embedding, tokens.ids, config.vocabulary, config.hidden)) // [batch * sequence, hidden], here and below
  for (let layer = 0; layer < config.layers; layer++) {
    const block = w.at('layers', layer)
    x = Add(x, attention(block.at('self_attn'), config, rmsNorm(block.at('input_layernorm'), x, config.epsilon), tokens, layer, turned))
    x = Add(x, mlp(block.at('mlp'), config, rmsNorm(block.at('post_attention_layernorm'), x, config.epsilon), layer))
  }
  const states = rmsNorm(w.at('norm'), tokens.scored(x), config.epsilon)
  return nextWords(words, states, config.vocabulary)
}

function selfAttention(w: Weights, { hidden, heads, kvHeads, headSize: size, biases, windows }: LlamaConfig, x: Value, tokens: Tokens, layer: number, turned: Rotation): Value {
  const project = (name: string, count: number) => linear(w.at(name), x, count * size, { bias: biases.projections })
  const mixed = attend([project('q_proj', heads), project('k_proj', kvHeads), project('v_proj', kvHeads)], tokens, { layer, heads, kvHeads, rotation: turned, window: windows?.[layer] })
  return linear(w.at('o_proj'), mixed, hidden, { bias: biases.output })
}

/** Half of the wide layer lets the other half through. */
export function gated(w: Weights, { hidden, intermediate, activation: name, biases }: Pick<LlamaConfig, 'hidden' | 'intermediate' | 'activation' | 'biases'>, x: Value): Value {
  const wide = (part: string) => linear(w.at(part), x, intermediate, { bias: biases.mlp })
  return linear(w.at('down_proj'), Mul(activation(w, name, wide('gate_proj')), wide('up_proj')), hidden, { bias: biases.mlp })
}
