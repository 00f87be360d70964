import { InvalidFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { checkTokenizerFile } from './check-tokenizer-file.js'
import { tokenizers } from './test-tokenizers.js'

const vocab = { a: 0, b: 1, ab: 2, '[UNK]': 3 }
const bpe = (merges: readonly unknown[], more: object = {}) => ({ model: { type: 'BPE', vocab, merges, ...more } })
const normalizers = (...list: object[]) => ({ ...bpe([]), normalizer: { type: 'Sequence', normalizers: list } })
const check = (json: object) => checkTokenizerFile('tokenizer.json', { json })

// Each of these ended the process with tokenizers 0.23.2, at loading or at the first text.
describe('a tokenizer.json that native code would crash on', () => {
  it.each<[string, object, RegExp]>([
    ['a merge longer than every token', bpe([['a', '[UNK]']]), /merge 'a \[UNK\]' into what is no token/],
    ['a merge as text, longer than every token', bpe(['[UNK] [UNK]']), /into what is no token/],
    ['a Prepend of nothing before another normalizer', normalizers({ type: 'Prepend', prepend: '' }, { type: 'Nmt' }), /'Prepend' normalizer that takes the place of nothing/],
    ['a Replace of nothing before another normalizer', normalizers({ type: 'Replace', pattern: { String: '' }, content: '-' }, { type: 'StripAccents' }), /'Replace' normalizer/],
    ['a Replace of what may be nothing', normalizers({ type: 'Replace', pattern: { Regex: '(?:)' }, content: '-' }, { type: 'StripAccents' }), /'Replace' normalizer/],
    ['a template that hides behind a missing type', { ...bpe([]), post_processor: { single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: 'x', type_id: 0 } }], pair: [], special_tokens: {} } }, /template with the token 'x'/],
    ['a template that hides behind another type', { ...bpe([]), post_processor: { type: 'Other', single: [], pair: [], special_tokens: {} } }, /does not hold its text/],
    ['an added token of which its normalizer leaves nothing', { ...bpe([]), normalizer: { type: 'BertNormalizer' }, added_tokens: [{ id: 0, content: '\u0000', normalized: true }] }, /added token "\\u0000", of which its normalizers leave nothing/],
    ['a template that hides behind a type that is none', { ...bpe([]), post_processor: { type: [], single: [], pair: [], special_tokens: {} } }, /does not hold its text/],
    ['a Prepend without a type', normalizers({ prepend: '' }, { type: 'Nmt' }), /'Prepend' normalizer/],
    ['a map without a type', normalizers({ precompiled_charsmap: 'AAAA' }), /'precompiled_charsmap' that is truncated/],
  ])('for %s is refused', (_, json, message) => {
    expect(() => check(json)).toThrow(InvalidFileError)
    expect(() => check(json)).toThrow(message)
  })

  it('is told from one that is only alike', () => {
    expect(check(bpe([['a', 'b']])).bytePairs).toBe(true)
    check(bpe(['a b']))
    check(bpe([['a', '##b']], { continuing_subword_prefix: '##' }))
    check({ ...bpe([]), normalizer: { type: 'Prepend', prepend: '' } })
    check(normalizers({ type: 'Prepend', prepend: '_' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }, { type: 'Replace', pattern: { Regex: '(?i:a)(?<b>' }, content: '' }, { type: 'Nmt' }))
    const added = (content: string, normalized: boolean) => ({ ...normalizers({ type: 'NFC' }, { type: 'Strip' }), added_tokens: [{ id: 0, content, normalized }] })
    check(added(' ', false))
    check(added('\u00e9', true))
    for (const json of tokenizers) check(json as object)
  })
})
