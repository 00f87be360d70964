import type { Tokenizer } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { spellVocabulary, vocabularyOf, type Vocabulary } from './index.js'
import { tokenizers } from './test-tokenizers.js'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('a vocabulary', () => {
  it.each(['byte-level', 'byte-fallback'] as const)('spells texts in bytes: %s', async (kind) => {
    const tokenizer = tokenizers[kind]
    const vocabulary = vocabularyOf(tokenizer)
    for (const sample of ['The joint needs neither', '榫卯 and 🪵', 'café\n\t']) {
      const { ids } = await tokenizer.encode(sample, { addSpecialTokens: false })
      const spelled = Buffer.concat(ids.map((id) => vocabulary.bytes(id))).toString()
      expect(spelled).toBe(kind === 'byte-fallback' ? ` ${sample}` : sample)
    }
  })

  it('is made once for a tokenizer', () => {
    expect(vocabularyOf(tokenizers['byte-level'])).toBe(vocabularyOf(tokenizers['byte-level']))
  })

  it('is spelled in portions where somebody can wait, and at once where somebody cannot', async () => {
    const { tokenOf } = tokenizers['byte-level']
    const large = (): Tokenizer => ({ ...tokenizers['byte-level'], vocabularySize: 30_000, addedTokens: [], tokenOf: (id) => `${tokenOf(id % 100)}${(id * 7919) % 30_000}` })
    const tokenizer = large()
    let turns = 0
    let turning = setImmediate(function turn() {
      turns++
      turning = setImmediate(turn)
    })
    const spelled = await spellVocabulary(tokenizer)
    clearImmediate(turning)
    expect(turns).toBeGreaterThan(2)
    expect(vocabularyOf(tokenizer)).toBe(spelled)
    const other = large()
    const waiting = spellVocabulary(other)
    const known = vocabularyOf(other)
    expect(await waiting).toBe(known)
    expect(known.sorted).toEqual(spelled.sorted)
    expect(Array.from({ length: known.size }, (_, id) => text(known.bytes(id)))).toEqual(Array.from({ length: spelled.size }, (_, id) => text(spelled.bytes(id))))
  })

  it.each(Object.entries(tokenizers))('is taken from what an earlier process kept, and spelled anew where that is of another: %s', async (_, tokenizer) => {
    const files = new Map<string, Uint8Array>()
    let asked = 0
    const opened = (size = tokenizer.vocabularySize): Tokenizer => ({
      ...tokenizer,
      vocabularySize: size,
      tokenOf(id) {
        asked++
        return tokenizer.tokenOf(id)
      },
      derived: { read: (name) => files.get(name), write: async (name, bytes) => void files.set(name, bytes) },
    })
    const listed = ({ size, bytes, special, sorted }: Vocabulary) => ({ sorted, said: Array.from({ length: size + 1 }, (_, id) => [text(bytes(id)), special(id)]) })
    const spelled = listed(vocabularyOf(opened()))
    expect(spelled).toEqual(listed(vocabularyOf(tokenizer)))
    expect([files.size, asked > 0]).toEqual([1, true])
    asked = 0
    expect(listed(await spellVocabulary(opened()))).toEqual(spelled)
    expect(asked).toBe(0)
    expect(vocabularyOf(opened(tokenizer.vocabularySize + 3)).size).toBe(tokenizer.vocabularySize + 3)
    expect(asked).toBeGreaterThan(0)
    const [[name, whole]] = [...files] as [[string, Uint8Array]]
    for (const length of [0, 3, 4, 100, whole.length - 1]) {
      files.set(name, whole.slice(0, length))
      expect(listed(vocabularyOf(opened()))).toEqual(spelled)
    }
  })

  it('spells pieces of words as they read in the middle of a text', () => {
    const tokenizer = tokenizers.WordPiece
    expect(text(vocabularyOf(tokenizer).bytes(tokenizer.idOf('##s')!))).toBe('s')
    expect(text(vocabularyOf(tokenizer).bytes(tokenizer.idOf('the')!))).toBe(' the')
  })

  it('has nothing to say for special tokens and for ids that are none, and all for others', () => {
    const tokenizer = tokenizers['byte-fallback']
    const vocabulary = vocabularyOf(tokenizer)
    expect([vocabulary.bytes(2).length, vocabulary.special(2), vocabulary.bytes(1e6).length, vocabulary.special(1e6)]).toEqual([0, true, 0, false])
    const thinking = tokenizer.idOf('<think>')!
    expect([text(vocabulary.bytes(thinking)), vocabulary.special(thinking)]).toEqual(['<think>', false])
  })

  it.each(Object.entries(tokenizers))('finds the tokens that begin with some bytes: %s', (_, tokenizer) => {
    const vocabulary = vocabularyOf(tokenizer)
    for (const prefix of [' ', ' th', '房', 'zzzz', '\u0000']) {
      const expected = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => Buffer.from(vocabulary.bytes(id)).toString('latin1').startsWith(Buffer.from(prefix).toString('latin1')))
      expect([...vocabulary.beginningWith(Buffer.from(prefix))].sort((a, b) => a - b)).toEqual(expected)
    }
    expect([...vocabulary.beginningWith(new Uint8Array())]).toEqual([...vocabulary.sorted])
  })
})
