import { InvalidFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { checkTokenizerFile } from './check-tokenizer-file.js'
import { skimTokenizer } from './skim-tokenizer.js'
import { tokenizers } from './test-tokenizers.js'

const path = 'tokenizer.json'
const outcome = (check: () => unknown): unknown => {
  try {
    return check()
  } catch (error) {
    return (error as Error).message
  }
}
const skimmed = (text: string) => outcome(() => checkTokenizerFile(path, skimTokenizer(path, text)))
const judged = (json: unknown) => outcome(() => checkTokenizerFile(path, { json }))

/** The same numbers each time. */
function random(seed: number): (below: number) => number {
  let state = seed * 2 + 1
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0
    return ((state ^ (state >>> 13)) >>> 0) % below
  }
}

const letters = ['a', 'b', 'Ġ', 'é', '"', '\\', '{', ']', ',', ':', '\u{1f600}', '中']

/** A tokenizer of byte pairs whose merges mostly make tokens, written in one of the ways in which JSON can be. */
function written(seed: number): { readonly json: unknown; readonly text: string } {
  const below = random(seed)
  const tokens = new Set(letters)
  const merges: [string, string][] = []
  for (let count = below(40); count > 0; count--) {
    const listed = Array.from(tokens)
    const merge: [string, string] = [listed[below(listed.length)]!, listed[below(listed.length)]!]
    merges.push(merge)
    if (below(30) > 0) tokens.add(merge.join(''))
  }
  const vocab = Object.fromEntries(Array.from(tokens, (token, id) => [token, id]))
  const mergesKept = below(2) === 0 ? merges : merges.map((merge) => merge.join(' '))
  const model = below(2) === 0 ? { type: 'BPE', vocab, merges: mergesKept } : { merges: mergesKept, dropout: null, vocab }
  const json = { version: '1.0', added_tokens: [{ id: 0, content: '"model":{' }], model, decoder: { type: 'ByteLevel' } }
  const text = JSON.stringify(json, undefined, below(3))
  // Any character may be written by its number.
  return { json, text: below(2) === 0 ? text : text.replaceAll(/[^\0-~]|a/g, (character) => (below(3) > 0 ? character : Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''))) }
}

describe('a tokenizer.json that is looked through', () => {
  it('is judged as one that is parsed', () => {
    const refused = new Set<boolean>()
    for (let seed = 0; seed < 2000; seed++) {
      const { json, text } = written(seed)
      const outcome = skimmed(text)
      expect(outcome).toEqual(judged(json))
      refused.add(typeof outcome === 'string')
    }
    expect(refused).toEqual(new Set([true, false]))
    for (const json of tokenizers) expect(skimmed(JSON.stringify(json))).toEqual(judged(json))
  })

  it('names the first merge of those that make the same of other parts', () => {
    const json = { model: { type: 'BPE', vocab: { a: 0, b: 1, c: 2 }, merges: ['a bc', 'ab c'] } }
    expect(skimTokenizer(path, JSON.stringify(json)).unmerged).toEqual(['a', 'bc'])
    expect(skimmed(JSON.stringify(json))).toEqual(judged(json))
  })

  it('keeps the vocabulary of byte pairs as text, and everything else', () => {
    const bytePairs = { added_tokens: [{ id: 9, content: 'x' }], model: { type: 'BPE', vocab: { a: 0 }, merges: [], unk_token: null }, decoder: null }
    expect(skimTokenizer(path, JSON.stringify(bytePairs)).json).toEqual({ ...bytePairs, model: { ...bytePairs.model, vocab: {} } })
    for (const model of [
      { type: 'WordPiece', vocab: { a: 0 }, merges: [] },
      { type: 'BPE', vocab: { a: 0 }, merges: [], continuing_subword_prefix: '##' },
      { type: 'Unigram', vocab: [['a', 0]] },
    ]) expect(skimTokenizer(path, JSON.stringify({ model })).json).toEqual({ model })
  })

  it('that holds a key twice is read as JSON reads it', () => {
    for (const text of ['{"model":{"vocab":{"a":0},"merges":[]},"model":{"type":"BPE","vocab":{"b":0},"merges":[]}}', '{"model":{"vocab":{"a":0},"merges":[],"vocab":{"b":0}}}', '{"model":{"vocab":{"a":0},"merges":[],"voc\\u0061b":{"b":0}}}']) {
      expect(skimTokenizer(path, text).json).toEqual(JSON.parse(text))
    }
  })

  it('that is cut off, or no JSON outside its vocabulary, is refused', () => {
    const { text } = written(3)
    const inside = text.indexOf('vocab')
    const ends = Array.from(text, (_, end) => end).filter((end) => end < inside || end % 7 === 0)
    const wrong = ['{"model":{"vocab":{},"merges":[] "type":"BPE"}}', '{"model":{"vocab":{},"merges":["\\q q"]}}', '{"model":{"vocab":{},"merges":[]}}}', 'null', '[]']
    for (const cut of [...ends.map((end) => text.slice(0, end)), ...wrong]) {
      const read = () => checkTokenizerFile(path, skimTokenizer(path, cut))
      expect(read).toThrow(InvalidFileError)
    }
  })
})
