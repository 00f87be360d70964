import { expect, it } from 'vitest'
import { matches } from './matches.js'

const metadata = { lang: 'en', year: 2021, draft: false, day: '2024-05-01' }

it('asks that every condition holds', () => {
  expect(matches({}, metadata)).toBe(true)
  expect(matches({ lang: 'en', year: { gte: 2020, lt: 2022 }, draft: false, day: { in: ['2024-05-01', '2024-05-02'] } }, metadata)).toBe(true)
  expect(matches({ lang: 'en', year: { gt: 2021 } }, metadata)).toBe(false)
  expect(matches({ year: { gt: 2020, lte: 2020 } }, metadata)).toBe(false)
})

it('holds for nothing where a field is missing, inherited or of another type', () => {
  for (const filter of [{ team: 'ops' }, { toString: { in: ['x'] } }, { year: '2021' }, { year: { gte: '2020' } }, { lang: { gte: 1 } }, { draft: { gte: 0 } }]) expect(matches(filter, metadata)).toBe(false)
})

it('compares strings by code points', () => {
  expect(['ｆ', '😀'].toSorted()).toEqual(['😀', 'ｆ']) // as JavaScript compares
  expect(matches({ a: { gt: 'ｆ' } }, { a: '😀' })).toBe(true)
  expect(matches({ a: { gte: 'ab', lte: 'ab' } }, { a: 'ab' })).toBe(true)
  expect(matches({ a: { lt: 'ab' } }, { a: 'a' })).toBe(true)
})
