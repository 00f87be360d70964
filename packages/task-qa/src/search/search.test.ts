import { describe, expect, it } from 'vitest'
import { fuse } from './fuse.js'
import { allTermsOf, coverage, searchTermsOf, weigh } from './question-weights.js'
import { tellingTermsOf, termsOf } from './terms.js'

describe('the terms of a text', () => {
  it('fold case, width, diacritics and English endings', () => {
    expect(termsOf('Café JOINTS joint ｆｕｌｌ drying')).toEqual(['cafe', 'joint', 'joint', 'full', 'dri'])
  })

  it('keep numbers whole', () => {
    expect(termsOf('1,000 or 3.5 mm')).toEqual(['1000', 'or', '3.5', 'mm'])
  })

  it('drop the possessive', () => {
    expect(termsOf("the carpenter's bench")).toEqual(termsOf('the carpenter bench'))
  })

  it('are characters and pairs of neighbours in Chinese', () => {
    expect(termsOf('用榫卯 ok')).toEqual(['用', '榫', '卯', '用榫', '榫卯', 'ok'])
  })

  it('keep marks that belong to letters of other scripts', () => {
    expect(termsOf('が लकड़ी')).toEqual(['が', 'लकड़ी'.normalize('NFC')])
  })

  it('tell nothing when they only ask', () => {
    expect([...tellingTermsOf('How long should oak dry?')]).toEqual(['oak', 'dri'])
    expect([...tellingTermsOf('榫头应该多少厘米？')]).toEqual(['榫', '头', '榫头', '厘', '米', '厘米'])
  })
})

describe("a question's words", () => {
  const texts = ['oak dried for a year', 'pine is a wood that has dried fast', '榫头插入卯眼']
  const frequencies = (question: string, among = texts) => allTermsOf(question).map((term) => among.filter((text) => termsOf(text).includes(term)).length)
  const weighed = (question: string) => weigh(question, frequencies(question), texts.length)

  it('are searched for when they tell something, or all when none does', () => {
    expect(searchTermsOf('Does oak dry?')).toEqual(['oak', 'dri'])
    expect(searchTermsOf('What is it?')).toEqual(['what', 'is', 'it'])
  })

  it('weigh more when they are rare, and measure how much of them a text has', () => {
    const weights = weighed('Does oak dry?')
    expect(weights.get('oak')).toBeGreaterThan(weights.get('dri') as number)
    expect(weights.get('doe')).toBeLessThan(weights.get('dri') as number)
    expect(coverage(weights, 'oak, dry')).toBeGreaterThan(coverage(weights, 'oak'))
    expect(coverage(weights, 'oak')).toBeGreaterThan(coverage(weights, 'dry'))
    expect(coverage(weights, 'nothing')).toBe(0)
    expect(coverage(new Map(), 'nothing')).toBe(0)
  })

  it('do not count as common because a lone passage has them', () => {
    const question = 'How many bees live in a colony?'
    const alone = ['A honey bee colony holds 20,000 to 60,000 bees in summer.']
    expect(coverage(weigh(question, frequencies(question, alone), 1), 'a colony of bees')).toBeGreaterThan(0.5)
  })
})

describe('fusing', () => {
  it('adds cosines and BM25 relative to its best, best first', () => {
    const fused = fuse([{ id: 1, cosine: 0.5, bm25: 0 }, { id: 2, cosine: 0.4, bm25: 8 }, { id: 3, cosine: 0.45, bm25: 4 }])
    expect(fused.map(({ id }) => id)).toEqual([2, 3, 1])
    expect(fused.map(({ score }) => Number(score.toFixed(3)))).toEqual([0.64, 0.47, 0.3])
  })

  it('goes by cosines alone where no word is shared', () => {
    expect(fuse([{ id: 1, cosine: 0.1, bm25: 0 }, { id: 2, cosine: 0.4, bm25: 0 }]).map(({ id }) => id)).toEqual([2, 1])
  })
})
