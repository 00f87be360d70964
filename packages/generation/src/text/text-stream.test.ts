import { readFileSync } from 'node:fs'
import { InvalidOptionError, type Tokenizer } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TextStream, type TextStreamOptions } from './index.js'
import { tokenizers } from './test-tokenizers.js'

const decoded = JSON.parse(readFileSync(new URL('../../fixtures/decoded.json', import.meta.url), 'utf8')) as Record<
  'byte-level' | 'byte-fallback',
  readonly { prompt: readonly number[]; tokens: readonly number[]; kept: string; skipped: string; promptKept: string }[]
>

/** What a stream gives out, piece by piece. */
function pieces(tokenizer: Tokenizer, tokens: readonly number[], options?: TextStreamOptions): string[] {
  const stream = new TextStream(tokenizer, options)
  const given = [...tokens.map((token) => stream.push(token)), stream.end()]
  expect(stream.text).toBe(given.join(''))
  return given
}

const streamed = (tokenizer: Tokenizer, tokens: readonly number[], options?: TextStreamOptions) => pieces(tokenizer, tokens, options).join('')
const idsOf = async (tokenizer: Tokenizer, text: string) => [...(await tokenizer.encode(text, { addSpecialTokens: false })).ids]
const texts = ['wood 🪵 and joint 👨‍👩‍👧‍👦 family', '榫卯是木头与木头之间的连接方式。', 'cafe\u0301 nai\u0308ve हिन्दी', '  two  spaces\n\n\ttab \ufffd \ufeff end ', 'a']

describe('a text stream', () => {
  it.each(['byte-level', 'byte-fallback'] as const)('reads tokens as Python does: %s', (kind) => {
    for (const { prompt, tokens, kept, skipped, promptKept } of decoded[kind]) {
      if (!kept.startsWith(promptKept)) continue // bytes that fit nowhere spoilt the prompt's own: what follows it cannot be told
      expect(streamed(tokenizers[kind], tokens, { promptIds: prompt, skipSpecialTokens: false })).toBe(kept.slice(promptKept.length))
      expect(streamed(tokenizers[kind], tokens, { promptIds: prompt })).toBe(skipped.slice(promptKept.length))
    }
  })

  it.each(Object.entries(tokenizers))('gives what the tokenizer makes of all tokens at once, whatever they are: %s', async (_, tokenizer) => {
    const prompts = await Promise.all(['', 'The joint needs', '榫卯', 'the 12 '].map((text) => idsOf(tokenizer, text)))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...prompts), fc.array(fc.nat(tokenizer.vocabularySize + 3), { maxLength: 24 }), fc.boolean(), async (promptIds, tokens, skipSpecialTokens) => {
        const prompt = await tokenizer.decode(promptIds, { skipSpecialTokens })
        const whole = await tokenizer.decode([...promptIds, ...tokens], { skipSpecialTokens })
        expect(prompt + streamed(tokenizer, tokens, { promptIds, skipSpecialTokens })).toBe(whole)
      }),
      { numRuns: 300 },
    )
  })

  it.each(['byte-level', 'byte-fallback'] as const)('gives texts back whole, and never half a character: %s', async (kind) => {
    for (const text of texts) {
      const given = pieces(tokenizers[kind], await idsOf(tokenizers[kind], text))
      expect(given.join('')).toBe(text)
      expect(given.filter((piece) => /\p{Surrogate}/u.test(piece) || (piece.includes('\ufffd') && !text.includes('\ufffd')))).toEqual([])
    }
  })

  it('gives each character as soon as its last byte is there', () => {
    const tokenizer = tokenizers['byte-level']
    const bytes = ['ð', 'Ł', 'ª', 'µ', 'Ġ'].map((token) => tokenizer.idOf(token)!)
    expect(pieces(tokenizer, bytes)).toEqual(['', '', '', '🪵', ' ', ''])
    expect(pieces(tokenizer, [bytes[0]!, bytes[1]!, bytes[4]!])).toEqual(['', '', '\ufffd ', ''])
    expect(pieces(tokenizer, bytes.slice(0, 3))).toEqual(['', '', '', '\ufffd'])
  })

  it('ends a character that the prompt began', () => {
    const tokenizer = tokenizers['byte-level']
    const bytes = ['ð', 'Ł', 'ª', 'µ'].map((token) => tokenizer.idOf(token)!)
    expect(streamed(tokenizer, bytes.slice(2), { promptIds: bytes.slice(0, 2) })).toBe('🪵')
    const fallback = tokenizers['byte-fallback']
    const spelled = ['<0xF0>', '<0x9F>', '<0xAA>', '<0xB5>'].map((token) => fallback.idOf(token)!)
    expect(streamed(fallback, spelled.slice(3), { promptIds: spelled.slice(0, 3) })).toBe('🪵')
  })

  it('keeps the first space after a prompt, and not where the text begins', () => {
    const tokenizer = tokenizers['byte-fallback']
    const word = ['▁pie', '▁a'].map((token) => tokenizer.idOf(token)!)
    expect(streamed(tokenizer, word)).toBe('pie a')
    expect(streamed(tokenizer, word, { promptIds: [1] })).toBe('pie a') // <s> says nothing
    expect(streamed(tokenizer, word, { promptIds: [1, word[1]!] })).toBe(' pie a')
  })

  it('takes as long for a late token as for an early one', async () => {
    for (const kind of ['byte-level', 'byte-fallback', 'Metaspace'] as const) {
      const tokenizer = tokenizers[kind]
      const ids = await idsOf(tokenizer, 'The joint needs neither nails nor glue, and it can be taken apart again. ')
      const time = (stream: TextStream) => {
        const start = performance.now()
        for (let round = 0; round < 60; round++) for (const id of ids) stream.push(id)
        return performance.now() - start
      }
      const long = new TextStream(tokenizer, { stop: ['never there'] })
      for (let round = 0; round < 8; round++) time(long)
      // In turns, so that whatever else the machine does slows both.
      const times = Array.from({ length: 6 }, () => [time(new TextStream(tokenizer, { stop: ['never there'] })), time(long)] as const)
      expect(Math.min(...times.map(([, late]) => late))).toBeLessThan(4 * Math.min(...times.map(([early]) => early)) + 5)
    }
  })
})

describe('stop strings', () => {
  const tokenizer = tokenizers['byte-level']
  const single = (text: string) => [...text].map((character) => tokenizer.idOf(character)!)

  it.each<[string, string[], string, string | undefined]>([
    ['abcabd', ['abd'], 'abc', 'abd'],
    ['aaab', ['aab'], 'a', 'aab'],
    ['abcd', ['abcd', 'bc'], 'a', 'bc'], // what ends first
    ['abcd', ['c', 'bc'], 'a', 'bc'], // what is longest of those that end together
    ['ababab', ['babx', 'abac'], 'ababab', undefined],
    ['xyz', ['x'], '', 'x'],
    ['abc', ['abcd'], 'abc', undefined], // held back to the end, then given
  ])('end the text %s, of %j', (text, stop, expected, found) => {
    const stream = new TextStream(tokenizer, { stop })
    const given = [...single(text).map((id) => stream.push(id)), stream.end()].join('')
    expect(given).toBe(expected)
    expect(stream.stopped?.stop).toBe(found)
  })

  it('cut alike however the text is cut into tokens, and nothing of them is ever given out', async () => {
    const letters = fc.constantFrom('a', 'b', 'c')
    const word = (longest: number) => fc.array(letters, { minLength: 1, maxLength: longest }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(word(40), fc.array(word(5), { minLength: 1, maxLength: 4 }), fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 40 }), (text, stop, sizes) => {
        let ends: { readonly at: number; readonly stop: string } | undefined
        for (let at = 1; at <= text.length && ends === undefined; at++) {
          const longest = stop.filter((each) => text.slice(0, at).endsWith(each)).sort((a, b) => b.length - a.length)[0]
          if (longest !== undefined) ends = { at, stop: longest }
        }
        const expected = ends === undefined ? text : text.slice(0, ends.at - ends.stop.length)

        // A tokenizer whose tokens are pieces of the text.
        const parts: string[] = []
        for (let at = 0, index = 0; at < text.length; index++) {
          parts.push(text.slice(at, at + (sizes[index] ?? 1)))
          at += sizes[index] ?? 1
        }
        const cut = { join: (tokens: readonly string[]) => tokens.join(''), tokenOf: (id: number) => parts[id], addedTokens: [] } as unknown as Tokenizer
        const stream = new TextStream(cut, { stop })
        let given = ''
        for (let id = 0; id < parts.length; id++) {
          given += stream.push(id)
          expect(expected.startsWith(given)).toBe(true)
        }
        given += stream.end()
        expect(given).toBe(expected)
        expect(stream.stopped?.stop).toBe(ends?.stop)
      }),
      { numRuns: 1000 },
    )
  })

  it('are seen at once where bytes of a row are not certain yet', () => {
    const fallback = tokenizers['byte-fallback']
    const newline = fallback.idOf('<0x0A>')!
    const stream = new TextStream(fallback, { stop: ['\n\n'] })
    expect([stream.push(fallback.idOf('▁pie')!), stream.push(newline), stream.stopped]).toEqual(['pie', '', undefined])
    expect([stream.push(newline), stream.stopped]).toEqual(['', { stop: '\n\n' }])
    expect([stream.push(newline), stream.end(), stream.text]).toEqual(['', '', 'pie'])
  })

  it('may lie across characters of several bytes', async () => {
    const ids = await idsOf(tokenizer, '北京和上海有很多老房子')
    expect(streamed(tokenizer, ids, { stop: ['海有'] })).toBe('北京和上')
  })

  it('are refused where they are empty or no strings', () => {
    for (const stop of [[''], [1], 'text'] as unknown as string[][]) expect(() => new TextStream(tokenizer, { stop })).toThrow(InvalidOptionError)
    expect(() => new TextStream(tokenizer, { stops: ['a'] } as TextStreamOptions)).toThrow("Did you mean 'stop'?")
  })
})
