import { describe, expect, it } from 'vitest'
import { best, sigmoid, softmax } from './classification.js'

describe('the best labels', () => {
  it('come first, those of equal score in the order of the labels', () => {
    expect(best(['a', 'b', 'c', 'd'], [1, 2, 1, 3]).map(({ label }) => label)).toEqual(['d', 'b', 'a', 'c'])
    expect(best(['a', 'b', 'c', 'd'], [1, 2, 1, 3], 2)).toEqual([{ label: 'd', score: 3 }, { label: 'b', score: 2 }])
  })
})

describe('scores', () => {
  it('do not overflow for numbers that are large', () => {
    expect(softmax([1000, 1000, -1000])).toEqual([0.5, 0.5, 0])
    expect(sigmoid([1000, -1000, 0])).toEqual([1, 0, 0.5])
  })
})
