import { InvalidFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { loadTokenizer } from './tokenizer.js'

const model = { type: 'WordLevel', vocab: { u: 0 }, unk_token: 'u' }
const load = (json: object) => loadTokenizer({ place: '/model', read: async (file) => (file === 'tokenizer.json' ? JSON.stringify(json) : undefined) })

describe('a tokenizer.json of a newer format', () => {
  it.each<[object, RegExp]>([
    [{ version: '2.0', model }, /it has the version "2\.0", and 1\.0 is read/],
    [{ version: '1.0', model: { ...model, type: 'Patches' } }, /it has a model of the type 'Patches'; known are BPE, Unigram, WordLevel, WordPiece/],
    [{ model, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Fold' }] } }, /it has a normalizer of the type 'Fold'; known are/],
    [{ model, pre_tokenizer: { type: 'Sentences' } }, /it has a pre-tokenizer of the type 'Sentences'/],
    [{ model, post_processor: { type: 'Chat' } }, /it has a post-processor of the type 'Chat'/],
    [{ model, decoder: { type: 'Sequence', decoders: [{ type: 'Utf8' }] } }, /it has a decoder of the type 'Utf8'/],
  ])('is refused with what is new in it: %j', async (json, message) => {
    await expect(load(json)).rejects.toThrow(InvalidFileError)
    await expect(load(json)).rejects.toThrow(message)
    await expect(load(json)).rejects.toThrow(/Pass a newer build of tokenizers as the option tokenizers, or take an earlier revision/)
  })

  it('is not what a file with a fault of another kind is taken for', async () => {
    await expect(load({ model, normalizer: { type: 'Prepend' } })).rejects.toThrow(/refused by the tokenizers library: .*(Save the tokenizer again)/)
  })

  it('is read by a build of the library that knows it', async () => {
    const native = { getVocabSize: () => 7, disableTruncation: () => undefined, disablePadding: () => undefined, getDecoder: () => null }
    const tokenizers = { Tokenizer: { fromString: () => native } } as never
    const read = async (file: string) => (file === 'tokenizer.json' ? JSON.stringify({ version: '2.0', model }) : undefined)
    expect((await loadTokenizer({ place: '/model', read }, { tokenizers })).vocabularySize).toBe(7)
  })
})
