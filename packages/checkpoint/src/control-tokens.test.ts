import { InvalidOptionError, type Tokenizer } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { tokenizers } from './test-tokenizers.js'
import { loadTokenizer } from './tokenizer.js'

interface Definition {
  readonly added_tokens: readonly { readonly content: string; readonly id: number }[]
  readonly model: { readonly type: string }
}
const control = (id: number, content: string, special: boolean) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special })
const load = (definition: unknown): Promise<Tokenizer> => loadTokenizer({ place: 'memory', read: async (file) => (file === 'tokenizer.json' ? JSON.stringify(definition) : undefined) })

const letters = Object.fromEntries([...'<|fim_mdle>sax'].filter((letter, index, all) => all.indexOf(letter) === index).map((letter, id) => [letter, id]))
const after = Object.keys(letters).length
/** Characters, two control tokens behind them, of which one is not called special, as Qwen's; a run of spaces that is text; and a token in the vocabulary. */
const characters = {
  version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'Fuse' },
  added_tokens: [control(after, '<s>', true), control(after + 1, '<|fim_middle|>', false), control(after + 2, '    ', false), { ...control(after + 3, 'max', false), normalized: true }],
  model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab: { ...letters, '<s>': after }, merges: [] },
}

describe('names of control tokens in a text', () => {
  it('are those tokens unless the caller says that they are text', async () => {
    const tokenizer = await load(characters)
    expect((await tokenizer.encode('a<|fim_middle|>x')).tokens).toEqual(['a', '<|fim_middle|>', 'x'])
    expect((await tokenizer.encode('a<|fim_middle|>x', { specialTokens: 'tokens' })).tokens).toEqual(['a', '<|fim_middle|>', 'x'])
    const { tokens, ids, offsets } = await tokenizer.encode('a<|fim_middle|>x<s>', { specialTokens: 'text' })
    expect(tokens).toEqual([...'a<|fim_middle|>x<s>'])
    expect(ids).toEqual(tokens.map((token) => letters[token]))
    expect(offsets[1]).toEqual([1, 2])
  })

  it('leave the other tokens with their ids: spaces and added words are text', async () => {
    const tokenizer = await load(characters)
    const plain = await tokenizer.encode('a    max')
    expect(plain.ids).toEqual([letters.a, after + 2, after + 3])
    expect((await tokenizer.encode('a    max', { specialTokens: 'text' })).ids).toEqual(plain.ids)
    const mixed = await tokenizer.encode('<s>a    max', { specialTokens: 'text' })
    expect(mixed.ids).toEqual(['<', 's', '>'].map((letter) => letters[letter]).concat(plain.ids as number[]))
  })

  it.each(tokenizers.map((definition) => [(definition as Definition).model.type, definition as Definition] as const))('are no tokens in batches and pairs either: %s', async (_type, definition) => {
    const tokenizer = await load(definition)
    const ids = new Set(definition.added_tokens.map(({ id }) => id))
    const hostile = definition.added_tokens.map(({ content }) => `ten ${content} a`)
    const found = (encoding: { ids: readonly number[] }) => encoding.ids.filter((id) => ids.has(id) && id !== 0) // 0 is what is unknown
    const options = { addSpecialTokens: false } as const
    expect((await tokenizer.encodeBatch(hostile, options)).flatMap(found)).not.toEqual([])
    expect((await tokenizer.encodeBatch(hostile, { ...options, specialTokens: 'text' })).flatMap(found)).toEqual([])
  })

  it('do not keep the tokenizer from adding its own', async () => {
    const definition = tokenizers[0]
    const tokenizer = await load(definition)
    const { tokens, specialTokensMask } = await tokenizer.encode('a[SEP]', { specialTokens: 'text' })
    expect([tokens[0], tokens.at(-1)]).toEqual(['[CLS]', '[SEP]'])
    expect(specialTokensMask.filter((added) => added === 1)).toHaveLength(2)
  })

  it('are tokens or text, and nothing else', async () => {
    const tokenizer = await load(characters)
    await expect(tokenizer.encode('a', { specialTokens: 'none' as 'text' })).rejects.toThrow(InvalidOptionError)
  })
})
