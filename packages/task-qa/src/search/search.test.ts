import { describe, expect, it } from 'vitest'
import { fuse } from './fuse.js'
import { coverage, LexicalIndex } from './lexical-index.js'
import { tellingTermsOf, termsOf } from './terms.js'
import { normalise, VectorIndex } from './vector-index.js'

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

describe('the lexical index', () => {
  const filled = () => {
    const index = new LexicalIndex()
    const texts = ['oak dried for a year', 'pine is a wood that has dried fast', '榫头插入卯眼']
    texts.forEach((text, id) => {
      index.stage(id, text)
      index.publish(id)
    })
    return { index, texts }
  }

  it('finds by word in English and in Chinese', () => {
    const { index } = filled()
    expect([...index.search('Does oak dry?').keys()]).toEqual([0, 1])
    expect([...index.search('卯眼是什么').keys()]).toEqual([2])
  })

  it('does not find what is staged only', () => {
    const { index } = filled()
    index.stage(3, 'oak oak oak')
    expect(index.search('oak').has(3)).toBe(false)
    index.unstage(3)
    index.stage(4, 'oak')
    index.publish(4)
    expect(index.search('oak').has(4)).toBe(true)
  })

  it('forgets what was removed, its words included', () => {
    const { index, texts } = filled()
    const before = index.weigh('pine').get('pine')
    index.remove(1, texts[1] as string)
    expect(index.search('pine').size).toBe(0)
    expect(index.weigh('pine').get('pine')).toBeGreaterThan(before as number)
  })

  it('weighs rare words more, and measures how much of them a text has', () => {
    const { index } = filled()
    const weights = index.weigh('Does oak dry?')
    expect(weights.get('oak')).toBeGreaterThan(weights.get('dri') as number)
    expect(coverage(weights, 'oak, dry')).toBeGreaterThan(coverage(weights, 'oak'))
    expect(coverage(weights, 'oak')).toBeGreaterThan(coverage(weights, 'dry'))
    expect(coverage(weights, 'nothing')).toBe(0)
    expect(coverage(new Map(), 'nothing')).toBe(0)
  })

  it('does not take the words of a lone entry for common ones', () => {
    const index = new LexicalIndex()
    index.stage(0, 'A honey bee colony holds 20,000 to 60,000 bees in summer.')
    index.publish(0)
    expect(coverage(index.weigh('How many bees live in a colony?'), 'a colony of bees')).toBeGreaterThan(0.5)
  })
})

describe('the vector index', () => {
  it('gives the exact cosine of every row, whatever the lengths', async () => {
    const index = new VectorIndex(2)
    index.add([7, 8], [Float32Array.of(3, 4), Float32Array.of(0, 0)])
    index.add([9], [Float32Array.of(-2, 0)])
    const cosines = await index.search(normalise(Float32Array.of(1, 0)))
    expect([...cosines.keys()]).toEqual([7, 8, 9])
    expect(cosines.get(7)).toBeCloseTo(0.6, 6)
    expect(cosines.get(8)).toBe(0)
    expect(cosines.get(9)).toBe(-1)
  })

  it('keeps the rest right while rows are removed and the matrix is compacted', async () => {
    const index = new VectorIndex(4)
    const ids = Array.from({ length: 50 }, (_, id) => id)
    index.add(ids, ids.map((id) => Float32Array.of(id + 1, 1, 0, 0)))
    for (let gone = 0; gone < 45; gone++) index.remove(new Set([gone]))
    index.add([99], [Float32Array.of(1, 0, 0, 0)])
    const cosines = await index.search(Float32Array.of(1, 0, 0, 0))
    expect([...cosines.keys()]).toEqual([45, 46, 47, 48, 49, 99])
    for (const id of [45, 49]) expect(cosines.get(id)).toBeCloseTo((id + 1) / Math.hypot(id + 1, 1), 6)
    expect(cosines.get(99)).toBe(1)
  })

  it('answers from what it held when a search began', async () => {
    const width = 2_000_000
    const index = new VectorIndex(width)
    const unit = new Float32Array(width)
    unit[0] = 1
    index.add([0, 1, 2], [unit, unit, unit])
    const search = index.search(unit)
    index.remove(new Set([0, 1]))
    index.add([3], [new Float32Array(width)])
    expect(Object.fromEntries(await search)).toEqual({ 0: 1, 1: 1, 2: 1 })
  })

  it('stops between slices when aborted', async () => {
    const index = new VectorIndex(2_000_000)
    index.add([0, 1], [new Float32Array(2_000_000), new Float32Array(2_000_000)])
    const controller = new AbortController()
    const search = index.search(new Float32Array(2_000_000), controller.signal)
    controller.abort()
    await expect(search).rejects.toMatchObject({ code: 'TENON_ABORTED' })
  })
})

describe('fusing', () => {
  it('adds cosines and BM25 relative to its best, best first', () => {
    const fused = fuse(new Map([[1, 0.5], [2, 0.4], [3, 0.45]]), new Map([[2, 8], [3, 4], [9, 99]]))
    expect(fused.map(({ id }) => id)).toEqual([2, 3, 1])
    expect(fused.map(({ score }) => Number(score.toFixed(3)))).toEqual([0.64, 0.47, 0.3])
  })

  it('goes by cosines alone where no word is shared', () => {
    expect(fuse(new Map([[1, 0.1], [2, 0.4]]), new Map()).map(({ id }) => id)).toEqual([2, 1])
  })
})
