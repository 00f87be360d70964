import { vocabularyOf } from '@tenon/generation'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteLevelTokenizer, qwenTokens, sentencePieceTokenizer } from '../test-support.js'
import { beginnings, goesOn } from './beginnings.js'
import { continuing } from './continuing.js'
import { cutBack, unfinishedName } from './cut-back.js'

const tokenizer = await byteLevelTokenizer(qwenTokens)
const vocabulary = vocabularyOf(tokenizer)
const bytes = (text: string) => Buffer.from(text)
const spelt = (ids: readonly number[]) => ids.map((id) => Buffer.from(vocabulary.bytes(id)).toString()).toSorted()

describe('the tokens that may begin a text', () => {
  it('are those that go on with it, and those that are its beginning', () => {
    expect(spelt(beginnings(bytes(' retu'), vocabulary))).toEqual([' ', ' r', ' re', ' ret', ' retu', ' retur', ' return', ' returns'])
    expect(goesOn(bytes(' retu'), vocabulary)).toBe(true)
    expect(goesOn(bytes(' returns'), vocabulary)).toBe(false)
    expect(goesOn(bytes('zz'), vocabulary)).toBe(false)
  })

  it('are what looking at every token finds', () => {
    const all = Array.from({ length: vocabulary.size }, (_, id) => id).filter((id) => vocabulary.bytes(id).length > 0)
    const agree = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one.subarray(0, other.length), other.subarray(0, one.length)) === 0
    fc.assert(
      fc.property(fc.constantFrom('return', ' ret', '    ', '():', '😀', 'x', '.ba', 'self.'), fc.integer({ min: 1, max: 6 }), (text, length) => {
        const part = bytes(text).subarray(0, length)
        const found = beginnings(part, vocabulary).toSorted((one, other) => one - other)
        expect(found).toEqual(all.filter((id) => agree(vocabulary.bytes(id), part)))
        expect(goesOn(part, vocabulary)).toBe(all.some((id) => vocabulary.bytes(id).length > part.length && agree(vocabulary.bytes(id), part)))
      }),
    )
  })
})

describe('what is generated once more', () => {
  const cut = async (text: string, from = 0) => cutBack(text, (await tokenizer.encode(text)).ids, from, vocabulary)

  it.each([
    ['x = retu', ' retu'],
    ['def f():\n    ', '    '],
    ['foo(self.ba', '.ba'],
    ['print(', '('],
    ['zq', ''],
    ['榫', ''],
    ['', ''],
  ])('of %j is %j', async (text, expected) => {
    expect(await cut(text)).toBe(expected)
  })

  it('is not more than was allowed, and whole characters', async () => {
    expect(await cut('x = retu', 5)).toBe('')
    expect(await cut('é', 0)).toBe('')
    expect(unfinishedName('x = retu')).toBe(3)
    expect(unfinishedName('x = ')).toBe(4)
    expect(unfinishedName('\nretu')).toBe(1)
    expect(unfinishedName('retu')).toBe(0)
  })

  it('is nothing where a token says something else than the text', async () => {
    const sentencePiece = await sentencePieceTokenizer([])
    const { ids } = await sentencePiece.encode('re', { addSpecialTokens: false })
    expect(cutBack('re', ids, 0, vocabularyOf(sentencePiece))).toBe('')
    expect(cutBack('a re', (await sentencePiece.encode('a re', { addSpecialTokens: false })).ids, 0, vocabularyOf(sentencePiece))).toBe(' re')
  })
})

describe('a generation that must begin with a text', () => {
  it('does so, whatever the model would write and however it cuts it', () => {
    fc.assert(
      fc.property(fc.constantFrom(' retu', 'retu', '    ', '😀a', '.ba', 'x'), fc.infiniteStream(fc.integer({ min: 0, max: vocabulary.size - 1 })), (text, wishes) => {
        const process = continuing(text, vocabulary)
        const tokens = [1, 2]
        let written = Buffer.alloc(0)
        for (let step = 0; written.length < bytes(text).length; step++) {
          expect(step).toBeLessThan(20)
          const logits = Float32Array.from({ length: vocabulary.size }, (_, id) => Math.sin(id + step))
          logits[wishes.next().value] = 10
          process(logits, { tokens, promptLength: 2 })
          const token = logits.indexOf(logits.reduce((most, value) => Math.max(most, value)))
          tokens.push(token)
          written = Buffer.concat([written, vocabulary.bytes(token)])
        }
        expect(written.toString('latin1').startsWith(bytes(text).toString('latin1'))).toBe(true)
        const free = Float32Array.from({ length: 4 }, (_, id) => id)
        process(free, { tokens, promptLength: 2 })
        expect(Array.from(free)).toEqual([0, 1, 2, 3])
      }),
      { numRuns: 60 },
    )
  })
})
