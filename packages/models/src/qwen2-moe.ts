import type { Checkpoint, Model } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, Gemm, Mul, Sigmoid } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { layersIn, malformed, only, optionIn, sizeIn } from './config.js'
import { defineDecoder } from './decoder.js'
import { throughExperts, together } from './experts.js'
import { linear } from './layers.js'
import { gated, llamaConfig, logits, type LlamaConfig } from './llama.js'
import { windowsIn } from './qwen2.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): a Qwen2 in which gated layers are many experts, of which each token goes through a few, and one that all tokens share.
 * @example
 * const { decoder } = await qwen2Moe().build(checkpoint, { head: 'causal-lm' })
 */
export const qwen2Moe = (): Model<'qwen2_moe'> =>
  defineDecoder({ name: 'qwen2_moe', config, logits: (weights, config, tokens) => logits(weights, config, tokens, { mlp }), maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

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
  const { experts: count, chosen, isNormalised } = config
  const scores = linear(w.at('gate'), x, count, { bias: false }) // [batch * sequence, experts]
  const { gate, up, down } = layersOfExperts(w.at('experts'), config)
  return throughExperts(x, scores, { count, chosen, isNormalised }, (rows, sizes) => {
    const halves = rows.map((part, expert) => [gate(part, expert), up(part, expert)] as const) // beside one another, as their weights are kept
    return together([halves.map(([gates]) => gates), halves.map(([, ups]) => ups)], sizes, (gates, ups) => Mul(activation(w, 'silu', gates!), ups!)).map(down)
  })
}

type LayerOfExpert = (rows: Value, expert: number) => Value

/** transformers 5 has one tensor for all experts in memory, and writes one for each into files, as earlier releases did. */
function layersOfExperts(w: Weights, { experts, expertSize: inner, hidden }: Qwen2MoeConfig): Readonly<Record<'gate' | 'up' | 'down', LayerOfExpert>> {
  const own = (part: string, size: number): LayerOfExpert => (rows, expert) => linear(w.at(expert, part), rows, size, { bias: false })
  /** Of `each` matrices [size, rows.size] that an expert has in one tensor, the one at `place`. */
  const shared = (name: string, each: number, place: number, size: number): LayerOfExpert => (rows, expert) => {
    const width = rows.shape.at(-1) as number
    return Gemm(rows, w.matrix(name, [experts, each * size, width], [size, width], each * expert + place), undefined, { transB: 1 })
  }
  const isOne = w.has('gate_up_proj')
  return {
    gate: isOne ? shared('gate_up_proj', 2, 0, inner) : own('gate_proj', inner),
    up: isOne ? shared('gate_up_proj', 2, 1, inner) : own('up_proj', inner),
    down: w.has('down_proj') ? shared('down_proj', 1, 0, hidden) : own('down_proj', hidden),
  }
}
