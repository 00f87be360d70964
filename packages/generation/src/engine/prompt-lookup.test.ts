import { describe, expect, it } from 'vitest'
import { afterLongestMatch, PromptLookup } from './prompt-lookup.js'

describe('prompt lookup', () => {
  it.each([
    ['what followed the last tokens before', [1, 2, 3, 4, 5, 1, 2], 2, 4, 2],
    ['the longest match, though a shorter is nearer', [7, 1, 2, 9, 3, 1, 2, 8, 7, 1, 2], 2, 4, 3],
    ['the latest of matches as long', [1, 2, 3, 1, 2, 4, 1, 2], 2, 2, 5],
    ['a match that reaches into itself', [5, 5, 5], 2, 4, 2],
    ['nothing where the tokens are new', [1, 2, 3, 4], 1, 4, undefined],
    ['nothing where the match is too short', [1, 2, 3, 9, 2], 2, 4, undefined],
    ['nothing in one token', [1], 1, 4, undefined],
  ])('finds %s', (_, tokens, shortest, longest, place) => {
    expect(afterLongestMatch(tokens, { shortest, longest })).toBe(place)
  })

  it('guesses more after it was right, and none for a while after it was wrong again and again', () => {
    const lookup = new PromptLookup({ tokens: 12, longest: 4, shortest: 1 })
    const text = [...Array.from({ length: 40 }, (_, index) => index), 0]
    expect(lookup.propose(text, { room: 100, sharing: 0, others: 0 })).toEqual([1, 2, 3, 4])
    lookup.told(4, 4)
    expect(lookup.propose(text, { room: 100, sharing: 0, others: 0 })).toHaveLength(8)
    lookup.told(8, 8)
    expect(lookup.propose(text, { room: 100, sharing: 0, others: 0 })).toHaveLength(12)
    expect(lookup.propose(text, { room: 5, sharing: 0, others: 0 })).toHaveLength(5)
    lookup.told(5, 1)
    expect(lookup.propose(text, { room: 100, sharing: 0, others: 0 })).toHaveLength(2)
    for (let miss = 0; miss < 4; miss++) {
      lookup.told(1, 0)
      while (lookup.propose(text, { room: 100, sharing: 0, others: 0 }).length === 0) continue
    }
    lookup.told(1, 0)
    let silent = 0
    while (lookup.propose(text, { room: 100, sharing: 0, others: 0 }).length === 0) silent++
    expect(silent).toBe(16)
  })

  it('leaves a step to be shared where guesses gain less than sharing it', () => {
    const lookup = new PromptLookup({ tokens: 4, longest: 4, shortest: 1 })
    const text = [1, 2, 3, 1]
    for (let round = 0; round < 8; round++) lookup.told(4, 1)
    expect(lookup.propose(text, { room: 100, sharing: 3, others: 3 })).toEqual([])
    expect(lookup.propose(text, { room: 100, sharing: 1, others: 1 })).not.toEqual([])
  })
})
