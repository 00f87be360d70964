import { InvalidFileError } from '@tenon/core'
import type { GgufFile } from './gguf-file.js'
import { Metadata } from './gguf-config.js'
import { preTokenizers, usualPreTokenizers, type Component } from './pre-tokenizers.js'
import { TextList } from './text-list.js'

/** Kinds of tokens (llama_token_type). */
const kinds = { unknown: 2, control: 3, userDefined: 4 } as const

/** The vocabulary of the metadata. */
interface Vocabulary {
  readonly tokens: TextList
  /** Of each token; empty where the file says nothing. */
  readonly kinds: readonly number[]
}

/** The beginning and end that texts get. */
interface Frame {
  readonly begin: number | undefined
  readonly end: number | undefined
}

/** What the metadata says of texts and tokens, as the files that transformers would have. */
export class GgufTokenizer {
  readonly #metadata: Metadata

  constructor(readonly file: GgufFile) {
    this.#metadata = new Metadata(file)
  }

  /**
   * The text of a tokenizer.json; `undefined` where the file has no vocabulary.
   * @throws InvalidFileError for a kind of vocabulary that is not read.
   */
  async definition(): Promise<string | undefined> {
    const model = this.#metadata.get('tokenizer.ggml.model')
    if (model === undefined || model === 'none') return undefined
    const vocabulary = await this.#vocabulary()
    if (model === 'gpt2') return JSON.stringify(await this.#byteLevel(vocabulary))
    if (model === 'llama') return JSON.stringify(await this.#sentencePieces(vocabulary))
    throw this.#fault(`of the kind ${JSON.stringify(model)}; 'gpt2' and 'llama' are read`)
  }

  /** What tokenizer_config.json would say: special tokens, the longest input, the chat template. */
  async config(): Promise<Record<string, unknown>> {
    const { tokens } = await this.#vocabulary()
    const metadata = this.#metadata
    const roles = { bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding', sep: 'seperator', cls: 'cls', mask: 'mask' } // the fifth is the format's own spelling
    const special = Object.entries(roles).flatMap(([role, key]) => {
      const id = metadata.token(key) ?? (role === 'sep' ? metadata.token('separator') : undefined)
      const content = id === undefined ? undefined : tokens.at(id)
      return content === undefined ? [] : [[`${role}_token`, content]]
    })
    const { begin, end } = this.#frame()
    const templates = this.#templates()
    const length = metadata.number('context_length')
    return {
      add_bos_token: begin !== undefined,
      add_eos_token: end !== undefined,
      ...Object.fromEntries(special),
      ...(templates !== undefined && { chat_template: templates }),
      clean_up_tokenization_spaces: false,
      ...(length !== undefined && { model_max_length: length }),
    }
  }

  /** What generation_config.json would say: where texts begin, and which tokens end them. */
  async generation(): Promise<Record<string, unknown>> {
    const metadata = this.#metadata
    const { tokens, kinds: of } = await this.#vocabulary()
    const named = ['eos', 'eot', 'eom'].map((role) => metadata.token(role)).filter((id) => id !== undefined)
    const known = of.flatMap((kind, id) => ((kind === kinds.control || kind === kinds.userDefined) && turnEnds.has(tokens.at(id) ?? '') ? [id] : []))
    const ends = [...new Set([...named, ...known])].filter((id) => id < tokens.length)
    const [bos, pad] = [metadata.token('bos'), metadata.token('padding')]
    return { ...(bos !== undefined && { bos_token_id: bos }), ...(pad !== undefined && { pad_token_id: pad }), ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }) }
  }

  async #vocabulary(): Promise<Vocabulary> {
    const tokens = await this.#texts('tokenizer.ggml.tokens')
    if (tokens === undefined) return { tokens: new TextList(new Uint8Array(), 0), kinds: [] }
    const of = (await this.#numbers('tokenizer.ggml.token_type')) ?? []
    if (of.length > 0 && of.length !== tokens.length) throw this.#fault(`with ${tokens.length} tokens and the kinds of ${of.length}`)
    return { tokens, kinds: of }
  }

  async #texts(key: string): Promise<TextList | undefined> {
    const array = this.#metadata.get(key)
    if (array === undefined) return undefined
    if (typeof array !== 'object' || array.items !== 'string') throw this.#fault(`whose '${key}' is no list of strings`)
    return (await this.file.items(array)) as TextList
  }

  async #numbers(key: string): Promise<readonly number[] | undefined> {
    const array = this.#metadata.get(key)
    if (array === undefined) return undefined
    if (typeof array !== 'object' || array.items === 'string' || array.items === 'bool') throw this.#fault(`whose '${key}' is no list of numbers`)
    return (await this.file.items(array)) as readonly number[]
  }

  #fault(problem: string): InvalidFileError {
    return new InvalidFileError({ path: this.file.path, problem: `holds a vocabulary ${problem}`, remedy: 'Put the tokenizer.json of the model beside the file, and open the folder' })
  }

  /** The chat template, or a list of them by name, as transformers has it. */
  #templates(): string | readonly { readonly name: string; readonly template: string }[] | undefined {
    const prefix = 'tokenizer.chat_template'
    const usual = this.#metadata.get(prefix)
    const others = [...this.file.metadata].flatMap(([key, value]) => (key.startsWith(`${prefix}.`) && typeof value === 'string' ? [{ name: key.slice(prefix.length + 1), template: value }] : []))
    if (others.length === 0) return typeof usual === 'string' ? usual : undefined
    return [...(typeof usual === 'string' ? [{ name: 'default', template: usual }] : []), ...others]
  }

  /** What texts begin and end with, in llama.cpp's way: vocabularies of pieces begin unless the metadata says no, byte-level ones by their kind. */
  #frame(): Frame {
    const metadata = this.#metadata
    const begins = metadata.get('tokenizer.ggml.add_bos_token') ?? (metadata.get('tokenizer.ggml.model') === 'llama' || preTokenizers.get(this.#preTokenizer() ?? '')?.begins === true)
    return {
      begin: begins === true ? (metadata.token('bos') ?? (metadata.get('tokenizer.ggml.model') === 'llama' ? 1 : undefined)) : undefined, // 1 is SentencePiece's own
      end: metadata.get('tokenizer.ggml.add_eos_token') === true ? metadata.token('eos') : undefined,
    }
  }

  #preTokenizer(): string | undefined {
    const named = this.#metadata.get('tokenizer.ggml.pre')
    if (typeof named === 'string' && named !== 'default') return named
    const architecture = String(this.#metadata.get('general.architecture'))
    return Object.hasOwn(usualPreTokenizers, architecture) ? usualPreTokenizers[architecture] : 'gpt-2'
  }

  async #byteLevel({ tokens: list, kinds: of }: Vocabulary): Promise<Component> {
    const tokens = list.all()
    const name = this.#preTokenizer() ?? ''
    const pre = preTokenizers.get(name)
    if (pre === undefined) throw this.#fault(`whose texts are split in the way '${name.slice(0, 100)}'; known are ${[...preTokenizers.keys()].join(', ')}`)
    const merges = (await this.#texts('tokenizer.ggml.merges'))?.all() ?? []
    return {
      ...common,
      added_tokens: addedTokens(tokens, of),
      normalizer: pre.normalizer ?? null,
      pre_tokenizer: { type: 'Sequence', pretokenizers: pre.components },
      post_processor: this.#template(tokens) ?? { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: { ...pairs, ignore_merges: pre.ignoreMerges ?? false, vocab: idsOf(tokens), merges: merges.map((merge) => this.#parts(merge)) },
    }
  }

  /** The two tokens of a merge. A space is between them, and may be in the first one's place only where it is the first character. */
  #parts(merge: string): [string, string] {
    const space = merge.indexOf(' ', 1)
    if (space < 1) throw this.#fault(`with the merge ${JSON.stringify(merge.slice(0, 100))}, which has no space between two tokens`)
    return [merge.slice(0, space), merge.slice(space + 1)]
  }

  /** SentencePiece's byte pair encoding, as the converter of transformers writes it. */
  async #sentencePieces({ tokens: list, kinds: of }: Vocabulary): Promise<Component> {
    const tokens = list.all()
    const scores = (await this.#numbers('tokenizer.ggml.scores')) ?? []
    if (scores.length !== tokens.length) throw this.#fault(`with ${tokens.length} tokens and ${scores.length} scores`)
    if (tokens.reduce((sum, { length }) => sum + length ** 2, 0) > mostCharacters) throw this.#fault(`with tokens of up to ${tokens.reduce((most, { length }) => Math.max(most, length), 0)} characters, of which too many would have to be looked at`)
    const prefixed = this.#metadata.get('tokenizer.ggml.add_space_prefix') !== false
    const unknown = tokens[this.#metadata.token('unknown') ?? Math.max(0, of.indexOf(kinds.unknown))]
    return {
      ...common,
      added_tokens: addedTokens(tokens, of),
      normalizer: { type: 'Sequence', normalizers: [...(prefixed ? [{ type: 'Prepend', prepend: '▁' }] : []), { type: 'Replace', pattern: { String: ' ' }, content: '▁' }] },
      pre_tokenizer: null,
      post_processor: this.#template(tokens) ?? null,
      decoder: {
        type: 'Sequence',
        decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, ...(prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])],
      },
      model: { ...pairs, unk_token: unknown ?? null, fuse_unk: true, byte_fallback: true, ignore_merges: false, vocab: idsOf(tokens), merges: mergesByScore(tokens, scores) },
    }
  }

  /** Puts the tokens that texts begin and end with around them, if there are any. */
  #template(tokens: readonly string[]): Component | undefined {
    const { begin, end } = this.#frame()
    const special = [begin, end].flatMap((id) => (id === undefined || tokens[id] === undefined ? [] : [{ id, token: tokens[id] }]))
    if (special.length === 0) return undefined
    const around = (text: 'A' | 'B', type: number) => {
      const piece = (id: number | undefined) => (id === undefined || tokens[id] === undefined ? [] : [{ SpecialToken: { id: tokens[id], type_id: type } }])
      return [...piece(begin), { Sequence: { id: text, type_id: type } }, ...piece(end)]
    }
    return {
      type: 'TemplateProcessing',
      single: around('A', 0),
      pair: [...around('A', 0), ...around('B', 1)],
      special_tokens: Object.fromEntries(special.map(({ id, token }) => [token, { id: token, ids: [id], tokens: [token] }])),
    }
  }
}

/** Of all halves of all tokens: a few seconds. Gemma's vocabulary, the largest of its kind, has some 20 million. */
const mostCharacters = 2 ** 30

const common = { version: '1.0', truncation: null, padding: null }
const pairs = { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false }

/** Tokens by which models end a text or a turn, whatever the metadata names (llama.cpp finds them by their text, too). */
const turnEnds = new Set(['<|endoftext|>', '<|end_of_text|>', '<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<|end|>', '<end_of_turn>', '<EOT>', '_<EOT>', '<|EOT|>', '<｜end▁of▁sentence｜>', '</s>'])

/** Tokens that are found in a text before anything else is. */
function addedTokens(tokens: readonly string[], of: readonly number[]): readonly Component[] {
  return tokens.flatMap((content, id) => {
    const special = of[id] === kinds.control || of[id] === kinds.unknown
    if (content === '' || (!special && of[id] !== kinds.userDefined)) return []
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }]
  })
}

/** Ids by token. Of two alike the first counts, as in llama.cpp. */
function idsOf(tokens: readonly string[]): Record<string, number> {
  const ids = Object.create(null) as Record<string, number> // a token may be '__proto__'
  for (const [id, token] of tokens.entries()) ids[token] ??= id
  return ids
}

/**
 * The merges that SentencePiece does without a list: of any two tokens that make a third, the third with the highest score
 * first. Ways to make the same token are ordered by their parts' ids.
 */
function mergesByScore(tokens: readonly string[], scores: readonly number[]): readonly (readonly [string, string])[] {
  const ids = new Map<string, number>()
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id)
  const found: { readonly left: string; readonly right: string; readonly score: number; readonly first: number; readonly second: number }[] = []
  for (const [id, token] of tokens.entries()) {
    if (ids.get(token) !== id) continue
    for (let cut = 1; cut < token.length; cut++) {
      const [left, right] = [token.slice(0, cut), token.slice(cut)]
      const [first, second] = [ids.get(left), ids.get(right)]
      if (first !== undefined && second !== undefined) found.push({ left, right, score: scores[id]!, first, second })
    }
  }
  return found.sort((a, b) => b.score - a.score || a.first - b.first || a.second - b.second).map(({ left, right }) => [left, right] as const)
}
