import { describe, expect, it } from 'vitest'
import { nearest } from './nearest.js'

describe('nearest', () => {
  const tasks = ['question-answering', 'embedding', 'summarization']

  it.each([
    ['question-anwsering', 'question-answering'],
    ['Embeding', 'embedding'],
    ['embedding', 'embedding'],
    ['embeddings', 'embedding'],
    ['summarisation', 'summarization'],
  ])('takes %s for %s', (name, expected) => {
    expect(nearest(name, tasks)).toBe(expected)
  })

  it.each(['translation', '', 'x'])('takes %j for nothing', (name) => {
    expect(nearest(name, tasks)).toBeUndefined()
  })

  it('finds nothing in nothing, and the closest of several', () => {
    expect(nearest('gpu', [])).toBeUndefined()
    expect(nearest('int8', ['int16', 'int4', 'uint8'])).toBe('int4')
    expect(nearest('uint9', ['int16', 'int4', 'uint8'])).toBe('uint8')
  })
})
