import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidFileError, InvalidInputError, InvalidOptionError, MissingFileError } from '@tenon/core'
import type { EncodeOptions, Encoding, TextOrPair, Tokenizer } from '@tenon/core'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { fixture } from './test-support.js'
import { loadTokenizer } from './tokenizer.js'

const bertFiles = fixture('tiny-bert-tokenizer')
const byteLevelFiles = fixture('tiny-byte-level-tokenizer')

const fromFolder = (folder: string, hidden: string[] = []) => ({
  place: folder,
  read: (file: string) =>
    hidden.includes(file) ? Promise.resolve(undefined) : readFile(join(folder, file), 'utf8').catch(() => undefined),
})
const inMemory = (files: Record<string, unknown>) => ({
  place: 'memory',
  read: async (file: string) =>
    files[file] === undefined ? undefined : typeof files[file] === 'string' ? files[file] : JSON.stringify(files[file]),
})

type Fields = Pick<Encoding, 'ids' | 'typeIds' | 'specialTokensMask' | 'tokens' | 'offsets' | 'sequenceIds' | 'wordIds'>
interface Expected {
  texts: (Fields & { text: string; decoded: string })[]
  pairs: (Fields & { text: [string, string] })[]
  windows: { text: TextOrPair; options: EncodeOptions; windows: Fields[] }[]
}
const fields = ({ ids, typeIds, specialTokensMask, tokens, offsets, sequenceIds, wordIds }: Fields): Fields => ({
  ids,
  typeIds,
  specialTokensMask,
  tokens,
  offsets,
  sequenceIds,
  wordIds,
})
const expectedOf = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Expected

describe.each([
  ['WordPiece from tokenizer.json', bertFiles, [] as string[]],
  ['WordPiece from vocab.txt', bertFiles, ['tokenizer.json']],
  ['byte-level BPE', byteLevelFiles, []],
])('a tokenizer: %s', (_, folder, hidden) => {
  let tokenizer: Tokenizer
  let expected: Expected
  beforeAll(async () => {
    tokenizer = await loadTokenizer(fromFolder(folder, hidden))
    expected = await expectedOf(folder)
  })

  it('gives what Python gives for texts of many scripts, with offsets as UTF-16 indices', async () => {
    for (const { text, decoded, ...rest } of expected.texts) {
      const encoding = await tokenizer.encode(text)
      expect({ text, ...fields(encoding) }).toEqual({ text, ...rest })
      expect(encoding.overflowing).toEqual([])
      expect(await tokenizer.decode(encoding.ids, { skipSpecialTokens: true })).toBe(decoded)
    }
  })

  it('gives what Python gives for pairs', async () => {
    for (const { text, ...rest } of expected.pairs)
      expect({ text, ...fields(await tokenizer.encode(text)) }).toEqual({ text, ...rest })
  })

  it('cuts windows where Python cuts them', async () => {
    for (const { text, options, windows } of expected.windows) {
      const encoding = await tokenizer.encode(text, options)
      const found = [encoding, ...encoding.overflowing].map(fields)
      const by = (order: Fields) => JSON.stringify(order.ids)
      // Where both texts of a pair are cut, Python lists the windows in an order of its own.
      const sorted = (list: Fields[]) =>
        options.truncate === 'longest-first' ? [...list].sort((a, b) => (by(a) < by(b) ? -1 : 1)) : list
      expect({ options, windows: sorted(found) }).toEqual({ options, windows: sorted(windows) })
      expect(found[0]).toEqual(windows[0])
    }
  })

  it('encodes a batch as it encodes one by one, pairs among them', async () => {
    const texts = expected.texts.map(({ text }) => text)
    expect((await tokenizer.encodeBatch(texts)).map(fields)).toEqual(expected.texts.map(fields))
    const mixed = await tokenizer.encodeBatch([texts[0] ?? '', ['a', 'b'], ''])
    expect(mixed.map(({ ids }) => ids)).toEqual(
      await Promise.all([tokenizer.encode(texts[0] ?? ''), tokenizer.encode(['a', 'b']), tokenizer.encode('')]).then(
        (all) => all.map(({ ids }) => ids),
      ),
    )
    expect(await tokenizer.encodeBatch([])).toEqual([])
  })

  it('keeps offsets inside the text, in order and on whole characters, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const { offsets, sequenceIds, ids } = await tokenizer.encode(text)
        expect(offsets).toHaveLength(ids.length)
        const isSpecial = (index: number) => sequenceIds[index] === null
        expect(
          offsets
            .filter((_, index) => isSpecial(index))
            .flat()
            .every((position) => position === 0),
        ).toBe(true)
        let last = 0
        for (const [start, end] of offsets.filter((_, index) => !isSpecial(index))) {
          expect(start).toBeGreaterThanOrEqual(last)
          expect(end).toBeGreaterThanOrEqual(start)
          expect(end).toBeLessThanOrEqual(text.length)
          expect(splitsPair(text, start) || splitsPair(text, end)).toBe(false)
          last = start
        }
      }),
      { numRuns: 300 },
    )
  })

  it('reads lone surrogates as U+FFFD, and offsets still hold', async () => {
    expect((await tokenizer.encode('\ude00\ud83d')).ids).toEqual((await tokenizer.encode('\ufffd\ufffd')).ids)
    for (const text of ['the \ud800 gate', '\udc00the gate', 'the gate\ud83d', '😀\ud83dthe\ude00 gate']) {
      const { ids, tokens, offsets } = await tokenizer.encode(text)
      expect(ids).toEqual((await tokenizer.encode(wellFormed(text))).ids)
      const gate = tokens.findIndex((token) => /^Ġ?gate$/.test(token))
      expect(text.slice(...(offsets[gate] ?? [])).trim()).toBe('gate')
    }
  })

  it('is not confused by calls with other options at the same time', async () => {
    const text = 'A saw, two planes, a mallet and eleven chisels hang above the bench.'
    const choices: EncodeOptions[] = [{}, { maxLength: 5 }, { maxLength: 9, stride: 2 }, { addSpecialTokens: false }]
    const alone: string[] = []
    for (const options of choices) alone.push(JSON.stringify(await tokenizer.encode(text, options)))
    const together = await Promise.all(
      Array.from({ length: 80 }, (_, index) => tokenizer.encode(text, choices[index % choices.length])),
    )
    for (const [index, encoding] of together.entries())
      expect(JSON.stringify(encoding)).toBe(alone[index % choices.length])
  })

  it('covers every token by some window, each within maxLength', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 5, max: 20 }), fc.nat(2), async (text, maxLength, stride) => {
        const options = { maxLength, stride, addSpecialTokens: false }
        const whole = await tokenizer.encode(text, { addSpecialTokens: false })
        const first = await tokenizer.encode(text, options)
        const windows = [first, ...first.overflowing]
        expect(windows.every(({ ids }) => ids.length <= maxLength)).toBe(true)
        const joined = windows.flatMap(({ ids }, index) => (index === 0 ? ids : ids.slice(stride)))
        expect(joined).toEqual(whole.ids)
      }),
      { numRuns: 200 },
    )
  })
})

/** Unicode of all kinds: letters, marks, emoji, Chinese, lone surrogates, words of the vocabulary. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'the',
        ' gate',
        'é',
        'e\u0301',
        '😀',
        '榫卯',
        '\ud800',
        '\udc00',
        ' ',
        '\r\n',
        '[SEP]',
        'Ⅷ',
        'İ',
        'ﬁ',
        '\u200d',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

const wellFormed = (text: string) => Buffer.from(text, 'utf8').toString('utf8')

const splitsPair = (text: string, index: number) =>
  /[\ud800-\udbff]/.test(text[index - 1] ?? '') && /[\udc00-\udfff]/.test(text[index] ?? '')

describe('a WordPiece tokenizer', () => {
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await loadTokenizer(fromFolder(bertFiles))
  })

  it('gives for each known token the piece of text it came from, once case and accents are dropped', async () => {
    const plain = (text: string) =>
      text
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '')
        .toLowerCase()
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom(
            'The ',
            'gáte',
            'CAFÉ',
            '😀',
            ' 榫卯',
            'cha\u0301racter',
            '!',
            ' ',
            '\r\n',
            'Tenon',
            '1998',
            '\ud800',
          ),
          { maxLength: 20 },
        ),
        async (parts) => {
          const text = parts.join('')
          const { tokens, offsets, sequenceIds } = await tokenizer.encode(text)
          for (const [index, token] of tokens.entries()) {
            if (sequenceIds[index] === null || token === '[UNK]') continue
            const slice = text.slice(...(offsets[index] ?? [])).replace(/[\ud800-\udfff]/g, '')
            expect({ text, token: plain(slice) }).toEqual({ text, token: token.replace(/^##/, '') })
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('returns character offsets into the original text when accents are stripped and emoji precede', async () => {
    const text = '😀😀 The Cáfe\u0301 gate'
    const { tokens, offsets } = await tokenizer.encode(text)
    expect(text.slice(...(offsets[tokens.indexOf('gate')] ?? []))).toBe('gate')
    expect(text.slice(...(offsets[tokens.indexOf('cafe')] ?? []))).toBe('Cáfe\u0301'.slice(0, 4))
  })

  it('knows its vocabulary, special tokens and longest input', () => {
    expect(tokenizer.vocabularySize).toBe(528)
    expect(tokenizer.maxLength).toBe(64)
    expect(tokenizer.special).toEqual({ pad: '[PAD]', unk: '[UNK]', cls: '[CLS]', sep: '[SEP]', mask: '[MASK]' })
    const gate = tokenizer.idOf('gate') ?? -1
    expect(tokenizer.tokenOf(gate)).toBe('gate')
    expect(tokenizer.idOf('no such token')).toBeUndefined()
    for (const id of [-1, 1e6, 2 ** 33, 1.5, Number.NaN]) expect(tokenizer.tokenOf(id)).toBeUndefined()
  })

  it('puts tokens together as its decoder does, those outside the vocabulary too', async () => {
    expect(tokenizer.join(['the', 'gat', '##es', '!', '榫'])).toBe('the gates! 榫')
    expect(tokenizer.join([])).toBe('')
    const byteLevel = await loadTokenizer(fromFolder(byteLevelFiles))
    expect(byteLevel.join(['the', 'Ġgate', 'a b', ' c'])).toBe('the gatea b c')
    const { join } = await loadTokenizer(inMemory({ 'tokenizer.json': { version: '1.0', model: { type: 'WordLevel', unk_token: 'u', vocab: { u: 0 } } } }))
    expect(join(['a', 'b'])).toBe('a b')
  })

  it('says what marks a token that goes on with a word', async () => {
    expect(tokenizer.subwordPrefix).toBe('##')
    expect((await loadTokenizer(fromFolder(byteLevelFiles))).subwordPrefix).toBeUndefined()
  })

  it.each([
    [{}, {}, 'right'],
    [{ padding_side: 'left' }, {}, 'left'],
    [{}, { padding: { direction: 'Left' } }, 'left'],
    [{ padding_side: 'right' }, { padding: { direction: 'Left' } }, 'right'],
    [{ padding_side: 'middle' }, { padding: null }, 'right'],
  ])('pads where tokenizer_config.json says, then tokenizer.json: %j, %j', async (config, { padding = null }: { padding?: object | null }, expected) => {
    const settings = { strategy: 'BatchLongest', pad_to_multiple_of: null, pad_id: 0, pad_type_id: 0, pad_token: 'u' }
    const json = { version: '1.0', padding: padding && { ...settings, ...padding }, model: { type: 'WordLevel', unk_token: 'u', vocab: { u: 0 } } }
    expect((await loadTokenizer(inMemory({ 'tokenizer.json': json, 'tokenizer_config.json': config }))).paddingSide).toBe(expected)
  })

  it('has no longest input where the files say there is no limit', async () => {
    expect((await loadTokenizer(fromFolder(byteLevelFiles))).maxLength).toBeUndefined()
  })

  it('decodes with and without special tokens', async () => {
    const { ids } = await tokenizer.encode('The gate opens')
    expect(await tokenizer.decode(ids)).toMatch(/^\[CLS\] the gate .* \[SEP\]$/)
    expect(await tokenizer.decode([])).toBe('')
    await expect(tokenizer.decode([-1])).rejects.toThrow(InvalidInputError)
    await expect(tokenizer.decode([2 ** 33])).rejects.toThrow(InvalidInputError)
  })

  it.each<[EncodeOptions, RegExp]>([
    [{ maxLength: 0 }, /maxLength/],
    [{ maxLength: 1.5 }, /maxLength/],
    [{ maxLength: 2 }, /no room beside 2 special tokens/],
    [{ maxLength: 4, stride: 4 }, /stride/],
    [{ maxLength: 4, stride: 2 }, /room for 2 tokens/],
    [{ stride: -1 }, /stride/],
    [{ truncate: 'first' as 'only-first' }, /truncate/],
    [{ maxlength: 4 } as EncodeOptions, /Did you mean 'maxLength'/],
  ])('refuses the options %j, which would crash native code or mean nothing', async (options, message) => {
    const encoding = tokenizer.encode('the gate opens and closes', options)
    await expect(encoding).rejects.toThrow(InvalidOptionError)
    await expect(encoding).rejects.toThrow(message)
  })

  it('refuses a pair whose uncut text fills the window', async () => {
    const long = 'the gate opens and closes'
    await expect(tokenizer.encode([long, 'a'], { maxLength: 7, truncate: 'only-second' })).rejects.toThrow(
      InvalidInputError,
    )
    await expect(tokenizer.encode(long, { maxLength: 5, truncate: 'only-second' })).rejects.toThrow(InvalidInputError)
    expect((await tokenizer.encode([long, 'a'], { maxLength: 7, truncate: 'longest-first' })).ids).toHaveLength(7)
  })

  it('refuses what is no text', async () => {
    for (const wrong of [undefined, 3, ['a'], ['a', 'b', 'c'], ['a', 1], 'a'.repeat(4_000_001)])
      await expect(tokenizer.encode(wrong as string)).rejects.toThrow(InvalidInputError)
  })

  it('lets the event loop run while it encodes', async () => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await tokenizer.encodeBatch(
      Array.from({ length: 300 }, () => 'The gate opens and closes every morning. '.repeat(50)),
    )
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(0)
  })

  it('survives the copies that loggers and workers make', async () => {
    const encoding = await tokenizer.encode('the gate')
    expect(structuredClone(encoding).ids).toEqual(encoding.ids)
    expect({ ...encoding }.tokens).toEqual(encoding.tokens)
  })
})

describe('loadTokenizer', () => {
  const model = {
    type: 'WordPiece',
    unk_token: 'u',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: { u: 0, a: 1 },
  }
  const file = (more: object) => inMemory({ 'tokenizer.json': { version: '1.0', model, ...more } })
  const template = (single: object[], special: object = {}) => ({
    type: 'TemplateProcessing',
    single,
    pair: [],
    special_tokens: special,
  })
  const text = (id: string) => ({ Sequence: { id, type_id: 0 } })
  const token = { SpecialToken: { id: 'x', type_id: 0 } }

  it.each<[string, object]>([
    ['a template without its text', { post_processor: template([token], { x: { id: 'x', ids: [0], tokens: ['u'] } }) }],
    ['a template for the second of one text', { post_processor: template([text('B')]) }],
    ['a template with its text twice', { post_processor: template([text('A'), text('A')]) }],
    [
      'a template with a token that is not defined',
      { post_processor: { type: 'Sequence', processors: [template([text('A'), token])] } },
    ],
    [
      'a special token of two ids and one name',
      { post_processor: template([text('A'), token], { x: { id: 'x', ids: [0, 1], tokens: ['u'] } }) },
    ],
    [
      'a truncated character map',
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Precompiled', precompiled_charsmap: 'AAAA' }] } },
    ],
    ['pieces of length 0', { pre_tokenizer: { type: 'FixedLength', length: 0 } }],
    ['a decoder that cuts more than there is', { decoder: { type: 'Strip', content: 'a', start: 0, stop: 5 } }],
    ['an unknown token that is not in the vocabulary', { model: { ...model, unk_token: 'none' } }],
    ['an empty vocabulary', { model: { ...model, vocab: {} } }],
    [
      'a merge that lacks the prefix it says it has',
      { model: { type: 'BPE', continuing_subword_prefix: '####', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] } },
    ],
    ['a model it does not know', { model: { type: 'Quantum' } }],
    ['a normalizer it does not know', { normalizer: { type: 'Quantum' } }],
    ['no model', { model: undefined }],
    [
      'a broken regular expression',
      { pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated', invert: false } },
    ],
  ])('refuses %s', async (_, more) => {
    await expect(loadTokenizer(file(more))).rejects.toThrow(InvalidFileError)
  })

  it('refuses a tokenizer.json that is no JSON', async () => {
    await expect(loadTokenizer(inMemory({ 'tokenizer.json': '{' }))).rejects.toThrow(
      /memory.tokenizer\.json is not valid JSON/,
    )
  })

  it('takes a tokenizer without a post-processor', async () => {
    const tokenizer = await loadTokenizer(file({}))
    expect((await tokenizer.encode('a')).ids).toEqual([1])
    expect(await tokenizer.encode(['a', 'a'])).toMatchObject({ ids: [1, 1], sequenceIds: [0, 1] })
  })

  it('refuses a pair where the template takes one text only', async () => {
    const tokenizer = await loadTokenizer(file({ post_processor: template([text('A')]) }))
    await expect(tokenizer.encode(['a', 'a'])).rejects.toThrow(InvalidInputError)
  })

  it('says which file is missing, or that vocab.txt belongs to another tokenizer', async () => {
    await expect(loadTokenizer(inMemory({}))).rejects.toThrow(MissingFileError)
    const other = inMemory({
      'vocab.txt': '[UNK]\n',
      'tokenizer_config.json': { tokenizer_class: 'BertJapaneseTokenizer' },
    })
    await expect(loadTokenizer(other)).rejects.toThrow(/BertJapaneseTokenizer/)
    await expect(loadTokenizer(inMemory({ 'vocab.txt': '' }))).rejects.toThrow(/lacks the special token '\[UNK\]'/)
  })

  it('keeps case and accents where a cased vocab.txt says so', async () => {
    const cased = await loadTokenizer(
      inMemory({
        'vocab.txt': '[UNK]\r\n[CLS]\r\n[SEP]\r\nÉ\r\né\r\ne\r\n',
        'tokenizer_config.json': { do_lower_case: false },
      }),
    )
    expect((await cased.encode('É é e')).tokens).toEqual(['[CLS]', 'É', 'é', 'e', '[SEP]'])
    const uncased = await loadTokenizer(inMemory({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]\nÉ\né\ne\n' }))
    expect((await uncased.encode('É é e')).tokens).toEqual(['[CLS]', 'e', 'e', 'e', '[SEP]'])
    const accented = await loadTokenizer(
      inMemory({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]\nÉ\né\ne\n', 'tokenizer_config.json': { strip_accents: false } }),
    )
    expect((await accented.encode('É é e')).tokens).toEqual(['[CLS]', 'é', 'é', 'e', '[SEP]'])
  })

  it('uses the library it is given', async () => {
    const given: string[] = []
    const native = await import('tokenizers')
    const tokenizers = {
      Tokenizer: { fromString: (json: string) => (given.push(json), native.Tokenizer.fromString(json)) },
    }
    await loadTokenizer(fromFolder(bertFiles), { tokenizers })
    expect(given).toHaveLength(1)
  })

  it('says when the library refuses, in its words', async () => {
    const tokenizers = {
      Tokenizer: {
        fromString: () => {
          throw new Error('too new')
        },
      },
    }
    await expect(loadTokenizer(fromFolder(bertFiles), { tokenizers })).rejects.toThrow(
      /refused by the tokenizers library: too new/,
    )
  })
})
