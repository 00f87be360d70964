import { describe, expect, it } from 'vitest'
import { candidateOf, rank } from './rank.js'

const made = (text: string, logprob: number, { errors = 0, tokens = 2 } = {}) => candidateOf(text, 'scope', { logprob, tokens: Array.from({ length: tokens }, () => 1), errors })
const texts = (...all: Parameters<typeof rank>[0]) => rank(all).map(({ text }) => text)

describe('candidates', () => {
  it('are ranked by how likely a token of theirs is, not by how short they are', () => {
    expect(texts(made('short', -2), made('long', -3, { tokens: 6 }))).toEqual(['long', 'short'])
  })

  it('are ranked behind those that bring no syntax errors, or mend some', () => {
    expect(texts(made('broken', -0.1, { errors: 1 }), made('whole', -1), made('mending', -1, { errors: -1 }))).toEqual(['mending', 'whole', 'broken'])
  })

  it('say something, if one of them does', () => {
    expect(texts(made('  \n', -0.01), made('x', -8))).toEqual(['x', '  \n'])
    expect(texts(made('', 0, { tokens: 0 }))).toEqual([''])
  })

  it('differ by more than white space: the better of two stays', () => {
    expect(texts(made('a +  b', -2), made('a + b', -1), made('c', -3))).toEqual(['a + b', 'c'])
  })
})
