import type { Dimension } from '@tenon/core'
import { array, assert, constantFrom, integer, oneof, property, record, type Arbitrary } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, difference, equals, exactQuotient, product, quotient, sum, volume } from './dimension.js'

const symbols = ['batch', 'sequence', 'past_sequence'] as const
type Assignment = Readonly<Record<(typeof symbols)[number], number>>

const polynomial: Arbitrary<Dimension> = oneof(
  integer({ min: -20, max: 20 }),
  array(record({ coefficient: integer({ min: -9, max: 9 }), factors: array(constantFrom(...symbols), { maxLength: 3 }) }), { minLength: 1, maxLength: 4 }).map((terms) =>
    terms.map(({ coefficient, factors }) => [coefficient, ...factors].join('*')).join('+').replaceAll('+-', '-'),
  ),
)
const assignment: Arbitrary<Assignment> = record({ batch: integer({ min: 1, max: 9 }), sequence: integer({ min: 1, max: 9 }), past_sequence: integer({ min: 1, max: 9 }) })

/** The value of a polynomial, by JavaScript's own arithmetic. */
function evaluate(dimension: Dimension, values: Assignment): number {
  return new Function(...symbols, `return ${String(dimension).replaceAll('--', '- -')}`)(...symbols.map((symbol) => values[symbol])) as number
}

describe('arithmetic on sizes', () => {
  it('agrees with integers, whatever the symbols stand for', () => {
    assert(
      property(polynomial, polynomial, assignment, (a, b, values) => {
        const [x, y] = [evaluate(a, values), evaluate(b, values)]
        expect(evaluate(sum(a, b), values)).toBe(x + y)
        expect(evaluate(difference(a, b), values)).toBe(x - y)
        expect(evaluate(product(a, b), values)).toBe(x * y + 0)
      }),
    )
  })

  it('divides what was multiplied by a single term, and only by what divides', () => {
    const term = record({ coefficient: integer({ min: 1, max: 9 }), factors: array(constantFrom(...symbols), { maxLength: 2 }) }).map(({ coefficient, factors }) => canonical([coefficient, ...factors].join('*')))
    assert(
      property(polynomial, term, polynomial, assignment, (a, divisor, other, values) => {
        expect(exactQuotient(product(a, divisor), divisor)).toBe(canonical(a))
        const exact = exactQuotient(other, divisor)
        const back = exact === undefined ? evaluate(other, values) : evaluate(exact, values) * evaluate(divisor, values)
        expect(back + 0).toBe(evaluate(other, values) + 0)
      }),
    )
  })

  it('has one spelling for equal sizes', () => {
    assert(
      property(polynomial, polynomial, polynomial, (a, b, c) => {
        expect(canonical(canonical(a))).toBe(canonical(a))
        expect(sum(a, b)).toBe(sum(b, a))
        expect(product(a, b)).toBe(product(b, a))
        expect(sum(sum(a, b), c)).toBe(canonical(sum(a, sum(b, c))))
        expect(product(sum(a, b), c)).toBe(canonical(sum(product(a, c), product(b, c))))
        expect(difference(a, a)).toBe(0)
      }),
    )
  })

  it.each<[Dimension, Dimension]>([
    ['sequence*batch', 'batch*sequence'],
    ['past_sequence + sequence', 'past_sequence+sequence'],
    ['1+batch', 'batch+1'],
    ['batch*2*3', '6*batch'],
    ['batch-batch', 0],
    ['3', 3],
    ['0*batch', 0],
    ['batch - 1', 'batch-1'],
    [' batch ', 'batch'],
    ['floor((batch+1)/(2))+0', 'floor((batch+1)/(2))'],
  ])('spells %j as %j', (given, expected) => {
    expect(canonical(given)).toBe(expected)
  })

  it('keeps what is no polynomial as a symbol of its own', () => {
    const half = quotient('sequence', 2)
    expect(half).toBe('floor((sequence)/(2))')
    expect(sum(half, half)).toBe('2*floor((sequence)/(2))')
    expect(exactQuotient(product(half, 'batch'), 'batch')).toBe(half)
    expect(quotient(7, 2)).toBe(3)
    expect(quotient('4*batch', '2*batch')).toBe(2)
    expect(quotient('batch+1', 'batch+1')).toBe(1)
  })

  it('does not divide by zero', () => {
    expect(exactQuotient('batch', 0)).toBeUndefined()
    expect(exactQuotient(0, 0)).toBeUndefined()
  })

  it('multiplies the sizes of a shape', () => {
    expect(volume([])).toBe(1)
    expect(volume(['batch', 3, 'sequence', 2])).toBe('6*batch*sequence')
    expect(volume(['batch', 0])).toBe(0)
  })
})

describe('comparing sizes', () => {
  it('says what holds for every value of the symbols, and nothing else', () => {
    assert(
      property(polynomial, polynomial, assignment, (a, b, values) => {
        const truth = evaluate(a, values) === evaluate(b, values)
        expect(equals(a, b) ?? truth).toBe(truth)
      }),
    )
  })

  it.each([
    ['batch', 'batch', true],
    ['batch*sequence', 'sequence*batch', true],
    ['batch', 'sequence', undefined],
    ['batch', 'batch+1', false],
    ['batch', -1, false],
    ['batch', 0, undefined],
    ['batch-sequence', -1, undefined],
    [3, 3, true],
    [3, 4, false],
  ])('compares %s and %s', (a, b, expected) => {
    expect(equals(a, b)).toBe(expected)
  })
})

describe('sizes of strangers', () => {
  it('stop growing, however often they are multiplied and divided', () => {
    let [terms, nested, number]: Dimension[] = ['a+b+1', 'a', 3]
    for (let count = 0; count < 100; count++) {
      terms = sum(product(terms!, terms!), 'c')
      nested = sum(quotient(nested!, 2), quotient(nested!, 3))
      number = product(number!, number!)
    }
    for (const size of [terms, nested, number]) {
      expect(typeof size).toBe('string')
      expect(String(size).length).toBeLessThan(3000)
    }
  })

  it('stay equal where they are equal, when they are abridged', () => {
    const long = (first: string) => Array.from({ length: 40 }, (_, index) => `${first}${index}`).reduce<Dimension>(sum, 0)
    expect(sum(long('a'), 1)).toBe(sum(long('a'), 1))
    expect(long('a')).not.toBe(long('b'))
    expect(long('a')).toMatch(/size\(/)
  })
})
