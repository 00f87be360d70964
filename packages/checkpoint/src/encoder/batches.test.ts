import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cost, groupByLength } from './batches.js'

const lengths = fc.array(fc.integer({ min: 1, max: 512 }), { maxLength: 120 })
const budgets = fc.integer({ min: 1, max: 2048 })

const longest = (batch: readonly number[], of: readonly number[]) => Math.max(...batch.map((index) => of[index]!))
const tokens = (batches: readonly (readonly number[])[], of: readonly number[]) => batches.reduce((sum, batch) => sum + batch.length * longest(batch, of), 0)
const totalCost = (batches: readonly (readonly number[])[], of: readonly number[]) => batches.reduce((sum, batch) => sum + cost(batch.length, longest(batch, of)), 0)

/** In the order of the texts, as many to a batch as the budget allows. */
function naively(of: readonly number[], budget: number): number[][] {
  const batches: number[][] = []
  for (const index of of.keys()) {
    const last = batches.at(-1)
    if (last !== undefined && (last.length + 1) * longest([...last, index], of) <= budget) last.push(index)
    else batches.push([index])
  }
  return batches
}

/** Every way to cut a list into stretches. */
function stretches<T>(list: readonly T[]): T[][][] {
  if (list.length === 0) return [[]]
  return list.flatMap((_, end) => stretches(list.slice(end + 1)).map((rest) => [list.slice(0, end + 1), ...rest]))
}

/** mulberry32: the same numbers every time. */
function randomLengths(count: number, most: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return 2 + (((mixed ^ (mixed >>> 14)) >>> 0) % (most - 1))
  })
}

describe('grouping texts by length', () => {
  it('takes every text once', () => {
    fc.assert(
      fc.property(lengths, budgets, (of, budget) => {
        expect(groupByLength(of, budget).flat().toSorted((a, b) => a - b)).toEqual([...of.keys()])
      }),
    )
  })

  it('keeps batches within the budget, padding included, except for a text that is longer by itself', () => {
    fc.assert(
      fc.property(lengths, budgets, (of, budget) => {
        const batches = groupByLength(of, budget)
        expect(batches.filter((batch) => batch.length === 0)).toEqual([])
        expect(batches.filter((batch) => batch.length > 1 && batch.length * longest(batch, of) > budget)).toEqual([])
      }),
    )
  })

  it('goes from the longest texts to the shortest', () => {
    fc.assert(
      fc.property(lengths, budgets, (of, budget) => {
        const order = groupByLength(of, budget).flat().map((index) => of[index]!)
        expect(order).toEqual(order.toSorted((a, b) => b - a))
      }),
    )
  })

  it('finds the cheapest of all ways to cut the sorted list', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 512 }), { minLength: 1, maxLength: 9 }), budgets, (of, budget) => {
        const sorted = [...of.keys()].toSorted((a, b) => of[b]! - of[a]!)
        const allowed = stretches(sorted).filter((batches) => batches.every((batch) => batch.length === 1 || batch.length * longest(batch, of) <= budget))
        const least = Math.min(...allowed.map((batches) => totalCost(batches, of)))
        expect(totalCost(groupByLength(of, budget), of)).toBeCloseTo(least, 6)
      }),
    )
  })

  it('never costs more than taking the texts as they come', () => {
    fc.assert(
      fc.property(lengths, budgets, (of, budget) => {
        expect(totalCost(groupByLength(of, budget), of)).toBeLessThanOrEqual(totalCost(naively(of, budget), of) + 1e-6)
      }),
    )
  })

  it.each([1, 2, 3, 4, 5])('wastes less than a tenth of the padding that taking them as they come does (seed %i)', (seed) => {
    const of = randomLengths(512, 256, seed)
    const needed = of.reduce((sum, length) => sum + length, 0)
    const waste = (batches: number[][]) => tokens(batches, of) - needed
    expect(waste(groupByLength(of, 1024))).toBeLessThan(waste(naively(of, 1024)) / 10)
  })

  it('gives the same batches each time, those of equal length in the order they came', () => {
    fc.assert(
      fc.property(lengths, budgets, (of, budget) => {
        expect(groupByLength(of, budget)).toEqual(groupByLength([...of], budget))
      }),
    )
    expect(groupByLength([5, 5, 5, 5], 10)).toEqual([[0, 1], [2, 3]])
  })

  it('leaves the lengths as they are', () => {
    const of = Object.freeze([3, 1, 2])
    expect(groupByLength(of, 100).flat()).toEqual([0, 2, 1])
  })

  it.each([
    [[], 10, []],
    [[7], 10, [[0]]],
    [[700], 10, [[0]]],
    [[700, 700, 1], 10, [[0], [1], [2]]],
    [[0, 0], 10, [[0, 1]]],
  ])('groups %j within %i as %j', (of, budget, batches) => {
    expect(groupByLength(of, budget)).toEqual(batches)
  })

  it('looks at each of 10,000 texts as often as a batch has texts, not as there are texts', () => {
    const count = 10_000
    const budget = 1024
    const shortest = 8
    const of = randomLengths(count, 256, 1).map((length) => Math.max(length, shortest))
    let looks = 0
    const watched = new Proxy(of, {
      get(target, key, receiver) {
        if (typeof key === 'string' && /^\d+$/.test(key)) looks++
        return Reflect.get(target, key, receiver) as unknown
      },
    })
    expect(groupByLength(watched, budget).flat()).toHaveLength(count)
    const sorting = 2 * count * Math.ceil(Math.log2(count))
    const grouping = count * (budget / shortest + 1)
    expect(looks).toBeLessThan(count + sorting + grouping)
  })
})
