import { InvalidFileError, type Encoding } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { checkIds, paddingId } from './check-ids.js'

const encoding = (...ids: number[]) => ({ ids, tokens: ids.map((id) => `t${id}`) }) as unknown as Encoding
const of = (vocabulary: number) => ({ reference: 'model', vocabulary })

describe('a tokenizer of another model', () => {
  it('is told by the first token that the weights have no row for', () => {
    const check = () => checkIds([encoding(0, 9), encoding(3, 10, 11)], of(10))
    expect(check).toThrow(InvalidFileError)
    expect(check).toThrow("model has a tokenizer that gives 't10' the id 10, and weights for 10 tokens. Use the tokenizer that was saved with these weights.")
  })

  it('is taken where the weights have rows for all that is read', () => {
    expect(() => checkIds([encoding(0, 9), encoding()], of(10))).not.toThrow()
    expect(() => checkIds([encoding(1_000_000)], of(Infinity))).not.toThrow()
  })
})

describe('padding', () => {
  it.each<[readonly unknown[], number, number]>([
    [[3, 1], 10, 3],
    [[undefined, 1], 10, 1],
    [[undefined, null], 10, 0],
    [[10, 1], 10, 1], // the tokenizer's is beyond the weights
    [[12, 'x'], 10, 0],
    [[-1, 0.5, 2], 10, 2],
    [[12], Infinity, 12],
  ])('is the first of %j that a model of %i tokens knows', (candidates, vocabulary, id) => {
    expect(paddingId(candidates, of(vocabulary))).toBe(id)
  })
})
