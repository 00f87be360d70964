import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, MoE, Mul, Sigmoid } from '@tenon/graph/ops'
import { layersIn, malformed, only, optionIn, sizeIn } from './config.js'
import { defineDecoder } from './decoder.js'
import { linear } from './layers.js'
import { gated, llamaConfig, logits, type LlamaConfig } from './llama.js'
import { windowsIn } from './qwen2.js'
import type { Weights } from './weights.js'

/**
 * Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): a Qwen2 in which gated layers are many experts, of which each token goes through a few, and one that all tokens share.
 * @example
 * const { decoder } = await qwen2Moe().build(checkpoint, { head: 'causal-lm' })
 */
export const qwen2Moe = (): Model<'qwen2_moe'> =>
  defineDecoder({ name: 'qwen2_moe', config, logits: (weights, config, tokens) => logits(weights, config, tokens, { mlp }), maxLength: ({ rotary }) => rotary.positions })

interface Qwen2MoeConfig extends LlamaConfig {
  readonly experts: number
  /** How many experts a token goes through. */
  readonly chosen: number
  /** Whether their weights sum to 1. */
  readonly isNormalised: boolean
  readonly expertSize: number
  readonly sharedSize: number
  /** Whether each layer has experts. */
  readonly isSparse: readonly boolean[]
}

function config(checkpoint: Checkpoint): Qwen2MoeConfig {
  const layers = layersIn(checkpoint)
  const step = sizeIn(checkpoint, 'decoder_sparse_step', 1)
  const dense: unknown = checkpoint.config['mlp_only_layers'] ?? []
  if (!Array.isArray(dense)) throw malformed(checkpoint, `gives 'mlp_only_layers' as ${JSON.stringify(dense)}`, 'List the numbers of layers without experts')
  const experts = sizeIn(checkpoint, 'num_experts', 60)
  const chosen = sizeIn(checkpoint, 'num_experts_per_tok', 4)
  if (chosen > experts) throw malformed(checkpoint, `sends tokens through ${chosen} of ${experts} experts`, "Set 'num_experts_per_tok' to no more than 'num_experts'")
  only(checkpoint, 'hidden_act', 'silu')
  return {
    ...llamaConfig(checkpoint, {
      biases: { projections: optionIn<boolean>(checkpoint, 'qkv_bias', true), output: false, mlp: false },
      // Where the config does not list them, every second layer has a window, up to `max_window_layers`.
      windows: windowsIn(checkpoint, (layer, until) => layer % 2 === 0 && layer < until),
      positions: 32_768,
    }),
    experts,
    chosen,
    isNormalised: optionIn<boolean>(checkpoint, 'norm_topk_prob', false),
    expertSize: sizeIn(checkpoint, 'moe_intermediate_size', 1408),
    sharedSize: sizeIn(checkpoint, 'shared_expert_intermediate_size', 5632),
    isSparse: Array.from({ length: layers }, (_, layer) => !dense.includes(layer) && (layer + 1) % step === 0),
  }
}

/** x: [batch * sequence, hidden], and so is the result, here and below. */
function mlp(w: Weights, config: Qwen2MoeConfig, x: Value, layer: number): Value {
  if (!config.isSparse[layer]) return gated(w, config, x)
  const weight = Sigmoid(linear(w.at('shared_expert_gate'), x, 1, { bias: false })) // [batch * sequence, 1]
  const shared = gated(w.at('shared_expert'), { ...config, intermediate: config.sharedSize }, x)
  return Add(routed(w, config, x), Mul(weight, shared))
}

function routed(w: Weights, config: Qwen2MoeConfig, x: Value): Value {
  const { experts, chosen, isNormalised } = config
  const scores = linear(w.at('gate'), x, experts, { bias: false }) // [batch * sequence, experts]
  const all = w.at('experts')
  return MoE(x, scores, gatesAndLayers(all, config), undefined, seconds(all, config), undefined, {
    k: chosen,
    normalize_routing_weights: isNormalised ? 1 : 0,
    activation_type: 'swiglu',
    swiglu_fusion: 1,
  })
}

// transformers 5 has one tensor for all experts in memory, and writes one for each into files, as earlier releases did.

/** Rows of gates and of what they let through, in turn: [experts, 2 * inner, hidden] */
function gatesAndLayers(w: Weights, { experts, expertSize: inner, hidden }: Qwen2MoeConfig): Value {
  const shape = [experts, 2 * inner, hidden]
  const row = (expert: number, index: number) => (expert * 2 * inner + index) * hidden
  /** Writes matrices [inner, hidden] row by row, leaving every other row out. */
  const spread = (all: Float32Array, matrix: Float32Array, expert: number, first: number) => {
    for (let index = 0; index < inner; index++) all.set(matrix.subarray(index * hidden, (index + 1) * hidden), row(expert, 2 * index + first))
  }
  if (w.has('gate_up_proj')) {
    return w.combine('gates_and_layers', shape, [['gate_up_proj', shape]], (all, stored) => {
      for (let half = 0; half < 2 * experts; half++) spread(all, stored.subarray(half * inner * hidden, (half + 1) * inner * hidden), half >> 1, half & 1)
    })
  }
  const parts = Array.from({ length: 2 * experts }, (_, part) => [`${part >> 1}.${part % 2 === 0 ? 'gate_proj' : 'up_proj'}.weight`, [inner, hidden]] as const)
  return w.combine('gates_and_layers', shape, parts, (all, matrix, part) => spread(all, matrix, part >> 1, part & 1))
}

/** [experts, hidden, inner] */
function seconds(w: Weights, { experts, expertSize: inner, hidden }: Qwen2MoeConfig): Value {
  const shape = [experts, hidden, inner]
  if (w.has('down_proj')) return w.get('down_proj', shape)
  const parts = Array.from({ length: experts }, (_, expert) => [`${expert}.down_proj.weight`, [hidden, inner]] as const)
  return w.combine('down_proj', shape, parts, (all, matrix, expert) => all.set(matrix, expert * hidden * inner))
}
