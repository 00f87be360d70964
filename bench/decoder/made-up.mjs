import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lazyConstant } from '@tenon/core'
import { writeSafetensors } from '@tenon/checkpoint'
import { byteLength, writeGguf } from './gguf-file.mjs'
import { writePeer } from './peer-decoder.mjs'
import { matrices, shapes, vocabulary } from './shapes.mjs'

/**
 * What each side opens, of random weights: for Tenon and llama.cpp the same GGUF files, for Tenon also a checkpoint in bfloat16,
 * for transformers.js its exports. Made once and kept under node_modules.
 */
export async function prepare(names, say) {
  const hash = createHash('sha256')
  for (const file of ['made-up.mjs', 'shapes.mjs', 'gguf-file.mjs', 'peer-decoder.mjs']) hash.update(await readFile(new URL(file, import.meta.url)))
  const recipe = hash.digest('hex').slice(0, 12)
  const root = fileURLToPath(new URL(`../../node_modules/.cache/tenon-bench/decoder-${recipe}`, import.meta.url))
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => {
        const folder = join(root, name)
        if (!(await stat(folder).catch(() => undefined))) {
          say(`making up weights of ${name}'s shape (once)`)
          const unfinished = `${folder}.partial`
          await rm(unfinished, { recursive: true, force: true })
          await make(unfinished, shapes[name])
          await rename(unfinished, folder)
        }
        const file = (each) => join(folder, each)
        return [name, { gguf: { q4: file('model-q4_0.gguf'), q8: file('model-q8_0.gguf') }, checkpoint: file('checkpoint'), peer: file('peer') }]
      }),
    ),
  )
}

async function make(folder, config) {
  await mkdir(folder, { recursive: true })
  const words = vocabulary(config.vocab_size)
  await writeGguf(join(folder, 'model-q4_0.gguf'), metadata(config, words), tensorsOf(config, 'Q4_0'))
  await writeGguf(join(folder, 'model-q8_0.gguf'), metadata(config, words), tensorsOf(config, 'Q8_0'))
  await writeCheckpoint(join(folder, 'checkpoint'), config, words)
  await writePeer(join(folder, 'peer'), config)
  for (const target of ['checkpoint', 'peer']) await writeTokenizer(join(folder, target), config, words)
}

function metadata(config, { tokens, merges, end }) {
  const architecture = config.model_type
  const key = (name, type, value) => [`${architecture}.${name}`, { type, value }]
  return {
    'general.architecture': { type: 'string', value: architecture },
    'general.name': { type: 'string', value: 'made up' },
    ...Object.fromEntries([
      key('context_length', 'uint32', config.max_position_embeddings),
      key('embedding_length', 'uint32', config.hidden_size),
      key('block_count', 'uint32', config.num_hidden_layers),
      key('feed_forward_length', 'uint32', config.intermediate_size),
      key('attention.head_count', 'uint32', config.num_attention_heads),
      key('attention.head_count_kv', 'uint32', config.num_key_value_heads),
      key('attention.layer_norm_rms_epsilon', 'float32', config.rms_norm_eps),
      key('rope.freq_base', 'float32', config.rope_theta),
      key('vocab_size', 'uint32', config.vocab_size),
      ...(architecture === 'llama' ? [key('rope.dimension_count', 'uint32', config.hidden_size / config.num_attention_heads)] : []),
    ]),
    'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
    'tokenizer.ggml.pre': { type: 'string', value: 'gpt-2' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: tokens },
    'tokenizer.ggml.token_type': { type: 'array', of: 'int32', value: tokens.map((_, index) => (index === end ? 3 : 1)) },
    'tokenizer.ggml.merges': { type: 'array', of: 'string', value: merges },
    'tokenizer.ggml.eos_token_id': { type: 'uint32', value: end },
    'tokenizer.ggml.bos_token_id': { type: 'uint32', value: end },
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: false },
  }
}

/** The word embedding, which is the head too, is kept in eight bits, as llama.cpp's own conversion keeps it in six or eight. */
function tensorsOf(config, type) {
  const next = words(1)
  const quantized = (name, shape, each) => ({ name, type: each, shape, bytes: () => blocks(each, shape, next) })
  const vector = (name, size, value) => ({ name, type: 'F32', shape: [size], bytes: () => new Uint8Array(new Float32Array(size).fill(value).buffer) })
  return [
    quantized('token_embd.weight', [config.vocab_size, config.hidden_size], 'Q8_0'),
    ...Array.from({ length: config.num_hidden_layers }, (_, layer) => [
      vector(`blk.${layer}.attn_norm.weight`, config.hidden_size, 1),
      vector(`blk.${layer}.ffn_norm.weight`, config.hidden_size, 1),
      ...matrices(config).flatMap(({ gguf, shape, bias }) => [quantized(`blk.${layer}.${gguf}.weight`, shape, type), ...(bias ? [vector(`blk.${layer}.${gguf}.bias`, shape[0], 0.01)] : [])]),
    ]).flat(),
    vector('output_norm.weight', config.hidden_size, 1),
  ]
}

/** Random codes under one scale: 0.02 is about the spread of weights before training. */
function blocks(type, shape, next) {
  const bytes = new Uint8Array(byteLength({ type, shape }))
  const whole = new Uint32Array(bytes.buffer, 0, bytes.byteLength >> 2)
  for (let index = 0; index < whole.length; index++) whole[index] = next()
  const [block, scale] = type === 'Q4_0' ? [18, 0x1933] : [34, 0x0d3b] // 0.0025 and 0.00032 as float16
  for (let at = 0; at < bytes.length; at += block) {
    bytes[at] = scale & 0xff
    bytes[at + 1] = scale >> 8
  }
  return bytes
}

/** The same architecture as a checkpoint, in bfloat16. */
async function writeCheckpoint(folder, { biases, ...config }, _words) {
  await mkdir(folder, { recursive: true })
  const next = words(2)
  const matrix = (shape) => lazyConstant('bfloat16', shape, async () => bfloat16(shape, next))
  const vector = (size, value) => lazyConstant('bfloat16', [size], async () => new Uint8Array(new Uint16Array(size).fill(value).buffer))
  const constants = new Map([
    ['model.embed_tokens.weight', matrix([config.vocab_size, config.hidden_size])],
    ...Array.from({ length: config.num_hidden_layers }, (_, layer) => [
      [`model.layers.${layer}.input_layernorm.weight`, vector(config.hidden_size, 0x3f80)],
      [`model.layers.${layer}.post_attention_layernorm.weight`, vector(config.hidden_size, 0x3f80)],
      ...matrices({ ...config, biases }).flatMap(({ path, shape, bias }) => [[`model.layers.${layer}.${path}.weight`, matrix(shape)], ...(bias ? [[`model.layers.${layer}.${path}.bias`, vector(shape[0], 0x3c24)]] : [])]),
    ]).flat(),
    ['model.norm.weight', vector(config.hidden_size, 0x3f80)],
  ])
  await writeSafetensors(join(folder, 'model.safetensors'), constants)
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, eos_token_id: 257 }))
}

/** Uniform in ±0.035. */
function bfloat16(shape, next) {
  const count = shape.reduce((product, size) => product * size, 1)
  const bits = new Uint16Array(count)
  const value = new Float32Array(1)
  const word = new Uint32Array(value.buffer)
  for (let index = 0; index < count; index++) {
    value[0] = (next() / 2 ** 32 - 0.5) * 0.07
    bits[index] = word[0] >>> 16
  }
  return new Uint8Array(bits.buffer)
}

async function writeTokenizer(folder, config, { tokens, merges, end }) {
  const added = { id: end, content: tokens[end], special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({
    version: '1.0',
    added_tokens: [added],
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  }))
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: tokens[end], model_max_length: config.max_position_embeddings, tokenizer_class: 'PreTrainedTokenizerFast' }))
}

/** 32 random bits each (xorshift32). */
function words(seed) {
  let state = seed * 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
