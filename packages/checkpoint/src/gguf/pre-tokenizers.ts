/** A component of a tokenizer.json. */
export type Component = Readonly<Record<string, unknown>>

/** How a byte-level vocabulary's texts are split before pairs are merged: what tokenizer.json files of these models have. */
export interface PreTokenizer {
  readonly components: readonly Component[]
  readonly normalizer?: Component
  /** Whether a word that is a token is taken whole, whatever merges there are. */
  readonly ignoreMerges?: boolean
  /** Whether texts begin with a token of their own where the metadata does not say. */
  readonly begins?: boolean
}

const split = (pattern: string): Component => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false })
const digits: Component = { type: 'Digits', individual_digits: true }
/** Bytes become characters; with the regular expression of GPT-2 or without. */
const bytes = (splits: boolean): Component => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: splits })

const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const qwen2 = llama3.replace('{1,3}', '')
const tekken = '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const ideographs = '[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+'

const gpt2Like: PreTokenizer = { components: [bytes(true)] }
const starcoderLike: PreTokenizer = { components: [digits, bytes(true)] }
const llama3Like: PreTokenizer = { components: [split(llama3), bytes(false)], ignoreMerges: true, begins: true }
const qwen2Like: PreTokenizer = { normalizer: { type: 'NFC' }, components: [split(qwen2), bytes(false)] }

/** By `tokenizer.ggml.pre`, the names that llama.cpp's converter gives to what it recognises. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map<string, PreTokenizer>([
  ...['gpt-2', 'phi-2', 'mpt', 'olmo', 'jais'].map((name): [string, PreTokenizer] => [name, gpt2Like]),
  ...['starcoder', 'smollm', 'refact', 'command-r', 'codeshell'].map((name): [string, PreTokenizer] => [name, starcoderLike]),
  ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'pixtral'].map((name): [string, PreTokenizer] => [name, llama3Like]),
  ...['dbrx', 'smaug-bpe'].map((name): [string, PreTokenizer] => [name, { components: llama3Like.components }]),
  ...['qwen2', 'deepseek-r1-qwen'].map((name): [string, PreTokenizer] => [name, qwen2Like]),
  ['stablelm2', { components: qwen2Like.components }],
  ['tekken', { components: [split(tekken), bytes(false)], ignoreMerges: true, begins: true }],
  ['deepseek-coder', { components: [split('[\\r\\n]'), split('\\s?\\p{L}+'), split('\\s?\\p{P}+'), split(ideographs), digits, bytes(false)] }],
])

/** What a file without `tokenizer.ggml.pre` was made from, by its architecture: the first converters wrote none. */
export const usualPreTokenizers: Readonly<Record<string, string>> = { gpt2: 'gpt-2', starcoder2: 'starcoder', qwen2: 'qwen2', qwen2moe: 'qwen2', qwen3: 'qwen2' }
