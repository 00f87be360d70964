import { describe, expect, it } from 'vitest'
import { highest } from './highest.js'

describe('the highest scores', () => {
  const scores = Float32Array.from({ length: 1000 }, (_, index) => (index * 7919) % 499)
  const sorted = Array.from(scores.keys()).toSorted((a, b) => scores[b]! - scores[a]! || a - b)

  it.each([1, 2, 5, 256, 257, 1000, 5000])('come first, of equal ones the lower index: %i of a thousand', (count) => {
    expect(highest(scores, count)).toEqual(sorted.slice(0, count))
  })

  it('may be those of some alone', () => {
    const among = [3, 900, 17, 502]
    expect(highest(scores, 3, among)).toEqual(sorted.filter((index) => among.includes(index)).slice(0, 3))
  })
})
