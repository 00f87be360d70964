import { InvalidFileError, viewAs, type ModelConfig } from '@tenon/core'
import { architectures, type Architecture } from './architectures.js'
import type { GgufFile } from './gguf-file.js'
import type { GgufTensor, GgufValue } from './gguf-header.js'
import { llama3Scaling, ropeScaling } from './rope-scaling.js'

/** Where a model's description and its tensors come from, which may lie in several files. */
export interface GgufModel {
  /** The first file, which has the metadata. */
  readonly file: GgufFile
  readonly tensors: ReadonlyMap<string, { readonly file: GgufFile; readonly tensor: GgufTensor }>
}

/**
 * The architecture that the metadata names.
 * @throws InvalidFileError
 */
export function architectureOf({ file }: GgufModel): Architecture {
  const name = file.metadata.get('general.architecture')
  const architecture = typeof name === 'string' ? architectures.get(name) : undefined
  if (architecture !== undefined) return architecture
  throw new InvalidFileError({
    path: file.path,
    problem: typeof name === 'string' ? `is of the architecture '${name.slice(0, 100)}', and those read from GGUF are ${[...architectures.keys()].join(', ')}` : "names no 'general.architecture'",
    remedy: 'Take the model as safetensors, or as an exported .onnx file',
  })
}

const asSafetensors = 'Take the model as safetensors'

/** What the metadata says, checked. */
export class Metadata {
  readonly #architecture: string

  constructor(readonly file: GgufFile) {
    this.#architecture = String(file.metadata.get('general.architecture'))
  }

  get(key: string): GgufValue | undefined {
    return this.file.metadata.get(key)
  }

  /** Of the architecture: `llama.block_count`. */
  own(key: string): GgufValue | undefined {
    return this.get(`${this.#architecture}.${key}`)
  }

  /** @throws InvalidFileError where it is there and no number. */
  readonly number = (key: string): number | undefined => {
    const value = this.own(key)
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value
    throw typeof value === 'object' ? this.#fault(key, 'is a list, one for each layer, which is not read', asSafetensors) : this.#fault(key, `is ${String(value).slice(0, 100)}`)
  }

  /** @throws InvalidFileError where it is not there, or no whole number above 0. */
  size(key: string): number {
    const value = this.number(key)
    if (value !== undefined && Number.isSafeInteger(value) && value > 0) return value
    throw this.#fault(key, value === undefined ? 'is missing' : `is ${value}`)
  }

  /** An id of a token: `tokenizer.ggml.bos_token_id`. */
  token(role: string): number | undefined {
    const id = this.get(`tokenizer.ggml.${role}_token_id`)
    return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1 ? id : undefined // the last one stands for none
  }

  #fault(key: string, problem: string, remedy = "Convert the model again with llama.cpp's convert_hf_to_gguf.py"): InvalidFileError {
    return new InvalidFileError({ path: this.file.path, problem: `cannot be read: its '${this.#architecture}.${key}' ${problem}`, remedy })
  }
}

/**
 * The config.json that the model would have in transformers.
 * @throws InvalidFileError where the metadata lacks what every model has.
 */
export async function configOf(model: GgufModel): Promise<ModelConfig> {
  const { keys, constants, modelType, architecture } = architectureOf(model)
  const metadata = new Metadata(model.file)
  const { number } = metadata
  const [hidden, heads] = [metadata.size('embedding_length'), metadata.size('attention.head_count')]
  const headSize = number('attention.key_length') ?? hidden / heads
  const turned = (keys.rotary ? number('rope.dimension_count') : undefined) ?? headSize // numbers of a head
  const base = number('rope.freq_base') ?? 10_000
  const shapeOf = (name: string) => model.tensors.get(name)?.tensor.shape
  const vocabulary = shapeOf('token_embd.weight')?.[0]
  const window = number('attention.sliding_window')
  const windowed = window !== undefined && window > 0
  // Three families share the name of the first.
  const [type, className] = modelType !== 'llama' ? [modelType, architecture] : (number('expert_count') ?? 0) > 0 ? ['mixtral', 'MixtralForCausalLM'] : windowed ? ['mistral', 'MistralForCausalLM'] : [modelType, architecture]
  return Object.freeze({
    model_type: type,
    architectures: [className],
    ...constants,
    ...(vocabulary !== undefined && { vocab_size: vocabulary }),
    [keys.hidden]: hidden,
    [keys.layers]: metadata.size('block_count'),
    [keys.heads]: heads,
    ...(keys.kvHeads !== undefined && { [keys.kvHeads]: number('attention.head_count_kv') ?? heads }),
    ...(keys.headSize !== undefined && { [keys.headSize]: headSize }),
    [keys.intermediate]: metadata.size('feed_forward_length'),
    [keys.positions]: metadata.size('context_length'),
    [keys.epsilon]: short(number('attention.layer_norm_rms_epsilon') ?? number('attention.layer_norm_epsilon') ?? 1e-5),
    ...(keys.rotary && { rope_theta: short(base), rope_scaling: (await turnedFactors(model, base)) ?? ropeScaling(metadata.own('rope.scaling.type'), number) ?? null }),
    ...(turned !== headSize && { partial_rotary_factor: turned / headSize }),
    sliding_window: windowed ? window : null,
    ...(windowed && modelType !== 'llama' && { use_sliding_window: true }),
    ...(metadata.own('attention.causal') === false && { is_causal: false }),
    ...biases(modelType, shapeOf),
    ...experts(metadata, shapeOf),
    tie_word_embeddings: shapeOf('output.weight') === undefined,
    bos_token_id: metadata.token('bos') ?? null,
    eos_token_id: metadata.token('eos') ?? null,
    pad_token_id: metadata.token('padding') ?? null,
  })
}

/** A number that was written down as float32, in the digits that it had: 1e-6 and not 9.999999974752427e-7. */
const short = (value: number) => {
  const digits = Number(value.toPrecision(7))
  return Math.fround(digits) === Math.fround(value) ? digits : value
}

type ShapeOf = (tensor: string) => readonly number[] | undefined

function biases(modelType: string, shapeOf: ShapeOf): Record<string, boolean> {
  const has = (stem: string) => shapeOf(`blk.0.${stem}.bias`) !== undefined
  if (modelType === 'starcoder2') return { use_bias: has('ffn_up') }
  return modelType === 'llama' || modelType === 'qwen3' ? { attention_bias: has('attn_q'), ...(modelType === 'llama' && { mlp_bias: has('ffn_up') }) } : {}
}

function experts({ number }: Metadata, shapeOf: ShapeOf): Record<string, number> {
  const count = number('expert_count')
  if (count === undefined || count === 0) return {}
  const all = {
    num_experts: count,
    num_experts_per_tok: number('expert_used_count'),
    moe_intermediate_size: number('expert_feed_forward_length') ?? shapeOf('blk.0.ffn_gate_exps.weight')?.[1] ?? shapeOf('blk.0.ffn_gate.0.weight')?.[0],
    shared_expert_intermediate_size: number('expert_shared_feed_forward_length') ?? shapeOf('blk.0.ffn_gate_shexp.weight')?.[0],
  }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined))
}

/**
 * The scaling that a table of factors stands for, which Llama 3.1's converter writes.
 * @throws InvalidFileError for factors that Llama 3's scaling does not give, and for the tables of longrope.
 */
async function turnedFactors({ file, tensors }: GgufModel, base: number): Promise<Record<string, unknown> | undefined> {
  if (tensors.has('rope_factors_long.weight')) throw new InvalidFileError({ path: file.path, problem: 'turns positions by tables for short and long texts (longrope), which are not read', remedy: 'Take another model' })
  const held = tensors.get('rope_freqs.weight')
  if (held === undefined) return undefined
  const { tensor } = held
  const fail = (problem: string) => new InvalidFileError({ path: file.path, problem: `turns positions by a table that ${problem}`, remedy: asSafetensors })
  if (tensor.type.dtype !== 'float32' || tensor.shape.length !== 1 || tensor.byteLength > 2 ** 16) throw fail(`is ${tensor.type.name} of shape [${tensor.shape.join(', ')}]; float32 [head size / 2] is read`)
  const factors = viewAs('float32', await held.file.read(tensor.offset, tensor.byteLength))
  if (factors.every((factor) => factor === 1)) return undefined
  const scaling = llama3Scaling(factors, base)
  if (scaling === undefined) throw fail("is not of Llama 3's kind")
  return scaling
}
