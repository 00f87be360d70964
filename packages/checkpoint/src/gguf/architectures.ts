import type { GgufTensor } from './gguf-header.js'
import type { Arrangement } from './tensor-rows.js'

/** A parameter of a Hugging Face checkpoint, made of a tensor. */
export interface Parameter extends Arrangement {
  readonly name: string
}

/** Sizes that tell how tensors lie. */
export interface Sizes {
  readonly heads: number
  readonly kvHeads: number
}

/** How llama.cpp's converter turned a family's parameters into tensors. */
export interface Architecture {
  /** `model_type` in transformers. */
  readonly modelType: string
  /** The class with a language-model head. */
  readonly architecture: string
  readonly keys: ConfigKeys
  /** What the config says and the metadata does not. */
  readonly constants: Readonly<Record<string, unknown>>
  /** Names of tensors without their layer and their `.weight` or `.bias`, and of parameters without theirs. */
  readonly names: Readonly<Record<string, string>>
  /** The prefix of layers. */
  readonly layers: string
  /** Tensors whose parameters lie otherwise. */
  readonly arranged?: Readonly<Record<string, (tensor: GgufTensor, sizes: Sizes) => Pick<Arrangement, 'rowTo' | 'transposed'>>>
}

/** Keys of the config, for what the metadata has under one name for all. */
export interface ConfigKeys {
  readonly hidden: string
  readonly layers: string
  readonly heads: string
  readonly kvHeads?: string
  readonly headSize?: string
  readonly intermediate: string
  readonly positions: string
  readonly epsilon: string
  /** Whether positions turn queries and keys. */
  readonly rotary: boolean
}

const llamaKeys: ConfigKeys = {
  hidden: 'hidden_size', layers: 'num_hidden_layers', heads: 'num_attention_heads', kvHeads: 'num_key_value_heads', headSize: 'head_dim',
  intermediate: 'intermediate_size', positions: 'max_position_embeddings', epsilon: 'rms_norm_eps', rotary: true,
}

const attention = {
  token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head',
  attn_norm: 'input_layernorm', attn_q: 'self_attn.q_proj', attn_k: 'self_attn.k_proj', attn_v: 'self_attn.v_proj', attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
}
const gated = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' }

/**
 * The original Llama turns neighbours among a head's numbers, transformers the two halves; the converter puts rows back in
 * the original's order. Row 2i + j of a head goes to row j · size / 2 + i.
 */
const halves = (heads: number) => ({ shape }: GgufTensor) => {
  const size = (shape[shape.length === 1 ? 0 : shape.length - 2] ?? 0) / heads
  if (!Number.isInteger(size / 2) || size === 0) return {}
  return {
    rowTo: (row: number) => {
      const within = row % size
      return row - within + (within % 2) * (size / 2) + Math.floor(within / 2)
    },
  }
}

const turned = () => ({ transposed: true })

const llama: Architecture = {
  modelType: 'llama', architecture: 'LlamaForCausalLM', keys: llamaKeys, constants: { hidden_act: 'silu' }, layers: 'model.layers.',
  names: { ...attention, ...gated },
  arranged: { attn_q: (tensor, { heads }) => halves(heads)(tensor), attn_k: (tensor, { kvHeads }) => halves(kvHeads)(tensor) },
}

const qwen2: Architecture = { modelType: 'qwen2', architecture: 'Qwen2ForCausalLM', keys: llamaKeys, constants: { hidden_act: 'silu', use_sliding_window: false }, layers: 'model.layers.', names: { ...attention, ...gated } }

/** By `general.architecture`. */
export const architectures: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  ['llama', llama],
  ['qwen2', qwen2],
  ['qwen3', {
    ...qwen2, modelType: 'qwen3', architecture: 'Qwen3ForCausalLM',
    names: { ...qwen2.names, attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' },
  }],
  ['qwen2moe', {
    ...qwen2, modelType: 'qwen2_moe', architecture: 'Qwen2MoeForCausalLM',
    constants: { ...qwen2.constants, decoder_sparse_step: 1, mlp_only_layers: [], norm_topk_prob: false },
    names: {
      ...qwen2.names, ffn_gate_inp: 'mlp.gate', ffn_gate_inp_shexp: 'mlp.shared_expert_gate',
      ffn_gate_shexp: 'mlp.shared_expert.gate_proj', ffn_up_shexp: 'mlp.shared_expert.up_proj', ffn_down_shexp: 'mlp.shared_expert.down_proj',
      ffn_gate_exps: 'mlp.experts.*.gate_proj', ffn_up_exps: 'mlp.experts.*.up_proj', ffn_down_exps: 'mlp.experts.*.down_proj',
    },
  }],
  ['starcoder2', {
    modelType: 'starcoder2', architecture: 'Starcoder2ForCausalLM', keys: { ...llamaKeys, epsilon: 'norm_epsilon' }, constants: { hidden_act: 'gelu_pytorch_tanh' }, layers: 'model.layers.',
    names: { ...attention, ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj' },
  }],
  ['gpt2', {
    modelType: 'gpt2', architecture: 'GPT2LMHeadModel', layers: 'transformer.h.', constants: { activation_function: 'gelu_new' },
    keys: { hidden: 'n_embd', layers: 'n_layer', heads: 'n_head', intermediate: 'n_inner', positions: 'n_positions', epsilon: 'layer_norm_epsilon', rotary: false },
    names: {
      token_embd: 'transformer.wte', position_embd: 'transformer.wpe', output_norm: 'transformer.ln_f', output: 'lm_head',
      attn_norm: 'ln_1', attn_qkv: 'attn.c_attn', attn_output: 'attn.c_proj', ffn_norm: 'ln_2', ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj',
    },
    // transformers keeps the weights of GPT-2's projections as [in, out].
    arranged: { attn_qkv: turned, attn_output: turned, ffn_up: turned, ffn_down: turned },
  }],
])

/** Far above the experts of any layer, of which each becomes a constant. */
const MOST_EXPERTS = 2 ** 12

/** `blk.12.attn_q.weight`, `token_embd.weight`, and `blk.12.ffn_up.3.weight` of the first files with experts. */
const tensorName = /^(?:blk\.(?<layer>\d+)\.)?(?<stem>\w+)(?:\.(?<expert>\d+))?\.(?<part>weight|bias)$/

/** The parameters that a tensor holds: one; or one for each expert, whose matrices are stored as one tensor. None for the table of rotary factors, which the config tells. */
export function parametersOf(tensor: GgufTensor, { names, layers, arranged = {} }: Architecture, sizes: Sizes): readonly Parameter[] {
  const { name, shape, type } = tensor
  if (name === 'rope_freqs.weight') return []
  const { layer, stem = '', expert, part } = tensorName.exec(name)?.groups ?? {}
  const known = names[expert === undefined ? stem : `${stem}_exps`]
  if (known === undefined || !Object.hasOwn(names, expert === undefined ? stem : `${stem}_exps`)) return [{ name, shape }] // something that the family does not ask for
  const parameter = (inner: string) => `${layer === undefined ? '' : `${layers}${layer}.`}${inner}.${part}`

  if (known.includes('*')) {
    if (expert !== undefined) return [{ name: parameter(known.replace('*', expert)), shape }]
    const [experts = 0, ...each] = shape
    if (experts > MOST_EXPERTS) return [{ name, shape }]
    const rows = each.slice(0, -1).reduce((product, size) => product * size, 1)
    return Array.from({ length: experts }, (_, index) => ({ name: parameter(known.replace('*', String(index))), shape: each, first: index * rows }))
  }
  const lies = Object.hasOwn(arranged, stem) ? arranged[stem]!(tensor, sizes) : {}
  if (lies.transposed === true && shape.length === 2) return [{ name: parameter(known), shape: [...shape].reverse(), transposed: true }]
  if (lies.rowTo !== undefined && shape.length === 1 && type.blockSize > 1) return [{ name, shape }] // no converter writes a bias in blocks, and its numbers could not be put in order
  if (lies.rowTo !== undefined && shape.length <= 2) return [{ name: parameter(known), shape, rowTo: lies.rowTo }]
  // One gate is a vector there and a matrix of one row here.
  return [{ name: parameter(known), shape: stem === 'ffn_gate_inp_shexp' && shape.length === 1 ? [1, ...shape] : shape }]
}
