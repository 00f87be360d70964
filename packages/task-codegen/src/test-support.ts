import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadTokenizer, writeSafetensors } from '@tenon/checkpoint'
import { inlineConstant, type Tokenizer } from '@tenon/core'
import { onTestFinished } from 'vitest'

/** GPT-2's alphabet of bytes. */
const alphabet: readonly string[] = (() => {
  const prints = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++))
})()

/** As byte-level tokenizers write a text. */
const written = (text: string) => Array.from(Buffer.from(text), (byte) => alphabet[byte]!).join('')

const words = ['return', ' return', ' returns', 'def', ' def', ' self', 'result', ' result', 'import', 'print', '()', '(self', '.base', '.bar', '    ', '        ', ' total', ' add', '):', '\n\n']

const addedToken = (id: number, content: string, special = false) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special })

/** Byte-level BPE as Qwen's: bytes, a few words of code, and control tokens behind them. */
export const byteLevelTokenizer = (controls: readonly string[], options: { begin?: string } = {}): Promise<Tokenizer> => load(byteLevelFile(controls, options))

/** Its tokenizer.json, and how many tokens it has. */
function byteLevelFile(controls: readonly string[], { begin }: { begin?: string } = {}): { readonly file: unknown; readonly size: number } {
  const vocabulary = new Map(alphabet.map((character, id) => [character, id]))
  const merges: string[] = []
  for (const word of words) {
    const [first = '', ...rest] = written(word)
    rest.reduce((left, right) => {
      const merged = left + right
      if (!vocabulary.has(merged)) {
        vocabulary.set(merged, vocabulary.size)
        merges.push(`${left} ${right}`)
      }
      return merged
    }, first)
  }
  const size = vocabulary.size
  const all = begin === undefined ? controls : [begin, ...controls]
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: all.map((content, index) => addedToken(size + index, content, content === begin)),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        // Qwen2's
        { type: 'Split', pattern: { Regex: "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor:
      begin === undefined
        ? { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
        : { type: 'TemplateProcessing', single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { [begin]: { id: begin, ids: [size], tokens: [begin] } } },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: Object.fromEntries(vocabulary), merges },
  }
  return { file, size: size + all.length }
}

/** SentencePiece BPE as Code Llama's: a space before every text, and bytes for what has no token. */
export function sentencePieceTokenizer(controls: readonly string[]): Promise<Tokenizer> {
  const vocabulary = new Map<string, number>([['<unk>', 0], ['<s>', 1], ['</s>', 2]])
  for (let byte = 0; byte < 256; byte++) vocabulary.set(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, vocabulary.size)
  for (const character of '▁abcdefghijklmnopqrstuvwxyz():=+') vocabulary.set(character, vocabulary.size)
  const merges = [['▁', 'a'], ['▁', 'r'], ['▁r', 'e'], ['▁re', 't']]
  for (const [left, right] of merges) vocabulary.set(left! + right!, vocabulary.size)
  const size = vocabulary.size
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [addedToken(0, '<unk>', true), addedToken(1, '<s>', true), addedToken(2, '</s>', true), ...controls.map((content, index) => addedToken(size + index, content, true))],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] },
    pre_tokenizer: null,
    post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } } },
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] },
    model: { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true, ignore_merges: false, vocab: Object.fromEntries(vocabulary), merges: merges.map((pair) => pair.join(' ')) },
  }
  return load({ file })
}

const load = ({ file }: { readonly file: unknown }) => loadTokenizer({ place: 'memory', read: async (name) => (name === 'tokenizer.json' ? JSON.stringify(file) : undefined) })

/** A prompt in words: control tokens by their names, text between them. */
export async function spell(tokenizer: Tokenizer, ids: readonly number[]): Promise<string> {
  return (await Promise.all(parts(tokenizer, ids).map((part) => (typeof part === 'string' ? part : tokenizer.decode(part))))).join('')
}

/** Names of control tokens, and the ids between them. */
function parts(tokenizer: Tokenizer, ids: readonly number[]): (string | number[])[] {
  const found: (string | number[])[] = []
  for (const id of ids) {
    const token = tokenizer.tokenOf(id)!
    const control = /^(<.*>|\[[A-Z]+\]|▁<[A-Z]+>)$/.test(token) && !token.startsWith('<0x') && token.length > 2
    if (control) found.push(token)
    else if (Array.isArray(found.at(-1))) (found.at(-1) as number[]).push(id)
    else found.push([id])
  }
  return found
}

export const qwenTokens = ['<|endoftext|>', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>', '<|fim_pad|>', '<|repo_name|>', '<|file_sep|>']

const [HIDDEN, WIDE, LAYERS, HEAD, HEADS, POSITIONS] = [32, 48, 2, 16, 2, 512]

/** A folder with a Qwen2 of random weights, the same each time, whose tokenizer is the byte-level one; deleted when the test ends. @param other What its config says otherwise. */
export async function tinyQwen(controls: readonly string[] = qwenTokens, other: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-codegen-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  const { file, size } = byteLevelFile(controls)
  const config = {
    model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], vocab_size: size, hidden_size: HIDDEN, intermediate_size: WIDE, num_hidden_layers: LAYERS, num_attention_heads: HEADS, num_key_value_heads: 1,
    hidden_act: 'silu', max_position_embeddings: POSITIONS, rms_norm_eps: 1e-6, rope_theta: 10_000, tie_word_embeddings: true, use_sliding_window: false, eos_token_id: size - controls.length, ...other,
  }
  await writeFile(join(path, 'config.json'), JSON.stringify(config))
  await writeFile(join(path, 'tokenizer.json'), JSON.stringify(file))
  let state = 1
  const random = () => ((state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31)
  const tensors = shapes(size).map(([name, shape]) => {
    const values = Float32Array.from({ length: shape.reduce((product, each) => product * each, 1) }, () => (name.endsWith('norm.weight') ? 1 : random() * 0.4))
    return [name, inlineConstant('float32', shape, values)] as const
  })
  await writeSafetensors(join(path, 'model.safetensors'), tensors)
  return path
}

function shapes(vocabulary: number): (readonly [name: string, shape: readonly number[]])[] {
  const projection = (name: string, out: number) => [[`${name}.weight`, [out, HIDDEN]], [`${name}.bias`, [out]]] as const
  const layers = Array.from({ length: LAYERS }, (_, layer) => `model.layers.${layer}`)
  return [
    ['model.embed_tokens.weight', [vocabulary, HIDDEN]],
    ['model.norm.weight', [HIDDEN]],
    ...layers.flatMap((layer) => [
      [`${layer}.input_layernorm.weight`, [HIDDEN]] as const,
      [`${layer}.post_attention_layernorm.weight`, [HIDDEN]] as const,
      ...projection(`${layer}.self_attn.q_proj`, HEAD * HEADS),
      ...projection(`${layer}.self_attn.k_proj`, HEAD),
      ...projection(`${layer}.self_attn.v_proj`, HEAD),
      [`${layer}.self_attn.o_proj.weight`, [HIDDEN, HEAD * HEADS]] as const,
      [`${layer}.mlp.gate_proj.weight`, [WIDE, HIDDEN]] as const,
      [`${layer}.mlp.up_proj.weight`, [WIDE, HIDDEN]] as const,
      [`${layer}.mlp.down_proj.weight`, [HIDDEN, WIDE]] as const,
    ]),
  ]
}
