import type { Dimension } from '@tenon/core'

/**
 * Arithmetic on sizes that may be symbolic. A dimension is a polynomial with integer coefficients over symbols,
 * kept in one canonical spelling (`'2*batch*sequence+1'`), so that equal sizes are equal strings and a shape
 * stays plain data. What is no polynomial becomes a symbol of its own, such as `'floor(sequence/2)'`.
 */
type Polynomial = Map<string, number> // monomial ('batch*sequence', '' for the constant term) → coefficient
type ReadonlyPolynomial = ReadonlyMap<string, number>

/** Bounds on how far sizes are followed: graphs of strangers can multiply them without end. Real ones have a handful of terms. */
const MOST_TERMS = 32
const LONGEST_SIZE = 2000

/** A text that is too long to carry along, as a symbol of its own: equal ones stay equal. */
export const abridged = (text: string): string => (text.length <= LONGEST_SIZE ? text : `size(${fingerprint(text)})`)

/** FNV-1a in two lanes of 32 bits. */
function fingerprint(text: string): string {
  let [low, high] = [0x811c9dc5, 0x9dc5811c]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code ^ (index & 0xff), 0x01000193)
  }
  return [low, high].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Graphs repeat a handful of sizes in every layer. */
const parsed = new Map<string, ReadonlyPolynomial>()
const MOST_PARSED = 256

function parse(dimension: Dimension): ReadonlyPolynomial {
  if (typeof dimension === 'number') return new Map(dimension === 0 ? [] : [['', dimension]])
  const known = parsed.get(dimension)
  if (known !== undefined) return known
  const terms = termsOf(dimension)
  if (parsed.size === MOST_PARSED) parsed.clear()
  parsed.set(dimension, terms)
  return terms
}

function termsOf(dimension: string): ReadonlyPolynomial {
  const terms: Polynomial = new Map()
  for (const { sign, text } of splitTerms(dimension)) {
    const factors = splitTop(text, '*').map((factor) => factor.trim()).filter((factor) => factor !== '')
    const coefficient = factors.filter((factor) => /^\d+$/.test(factor)).reduce((product, factor) => product * Number(factor), sign)
    add(terms, factors.filter((factor) => !/^\d+$/.test(factor)).toSorted().join('*'), coefficient)
  }
  return terms
}

/** Splits at a separator outside parentheses. */
function splitTop(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if (character === '(') depth++
    if (character === ')') depth--
    if (character === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

function splitTerms(text: string): { sign: number; text: string }[] {
  return splitTop(text, '+').flatMap((sum) => splitTop(sum, '-').map((part, index) => ({ sign: index === 0 ? 1 : -1, text: part }))).filter(({ text: part }) => part.trim() !== '')
}

/** `'batch*sequence'` → its symbols. */
const symbolsOf = (monomial: string): string[] => (monomial === '' ? [] : splitTop(monomial, '*'))

function add(terms: Polynomial, monomial: string, coefficient: number): void {
  const sum = (terms.get(monomial) ?? 0) + coefficient
  if (sum === 0) terms.delete(monomial)
  else terms.set(monomial, sum)
}

function print(terms: ReadonlyPolynomial): Dimension {
  if (terms.size === 0) return 0
  if (terms.size === 1 && terms.has('')) return counted(terms.get('')!, terms)
  // The constant term comes last, as one writes it.
  const ordered = [...terms].toSorted(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
  const text = ordered.map(([monomial, coefficient]) => {
    const size = Math.abs(coefficient)
    const body = monomial === '' ? String(size) : size === 1 ? monomial : `${size}*${monomial}`
    return `${coefficient < 0 ? '-' : '+'}${body}`
  })
  const whole = text.join('').replace(/^\+/, '')
  return terms.size > MOST_TERMS || [...terms.values()].some((coefficient) => !Number.isSafeInteger(coefficient)) ? `size(${fingerprint(whole)})` : abridged(whole)
}

/** A number where it is exact, otherwise a symbol for the arithmetic that led there. */
function counted(value: number, terms: ReadonlyPolynomial | string): Dimension {
  return Number.isSafeInteger(value) ? value : `size(${fingerprint(typeof terms === 'string' ? terms : [...terms].join())})`
}

/** A dimension as somebody wrote it, in canonical spelling. */
export const canonical = (dimension: Dimension): Dimension => print(parse(dimension))

export function sum(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number' && typeof b === 'number') return counted(a + b, `${a}+${b}`)
  const terms = new Map(parse(a))
  for (const [monomial, coefficient] of parse(b)) add(terms, monomial, coefficient)
  return print(terms)
}

export function product(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number' && typeof b === 'number') return counted(a * b + 0, `${a}*${b}`) // no -0
  if (a === 1) return canonical(b)
  if (b === 1) return canonical(a)
  const terms: Polynomial = new Map()
  for (const [left, x] of parse(a)) {
    for (const [right, y] of parse(b)) add(terms, [left, right].flatMap(symbolsOf).toSorted().join('*'), x * y)
  }
  return print(terms)
}

export const difference = (a: Dimension, b: Dimension): Dimension => sum(a, product(-1, b))

/** The product of a shape's dimensions. */
export function volume(shape: readonly Dimension[]): Dimension {
  const known = shape.filter((size): size is number => typeof size === 'number').reduce<Dimension>(product, 1)
  return shape.filter((size) => typeof size === 'string').reduce<Dimension>(product, known)
}

/** `a / b` where that is exact for every value of the symbols, otherwise a symbol that names the rounded quotient. */
export function quotient(a: Dimension, b: Dimension): Dimension {
  return exactQuotient(a, b) ?? (typeof a === 'number' && typeof b === 'number' ? Math.floor(a / b) : abridged(`floor((${a})/(${b}))`))
}

/** Whether two sizes are equal, for every value of the symbols: `undefined` where that depends on them. Symbols are not negative. */
export function equals(a: Dimension, b: Dimension): boolean | undefined {
  const apart = parse(difference(a, b))
  if (apart.size === 0) return true
  const constant = apart.get('') ?? 0
  const others = [...apart].filter(([monomial]) => monomial !== '').map(([, coefficient]) => coefficient)
  const awayFromZero = others.every((coefficient) => coefficient > 0) ? constant > 0 : others.every((coefficient) => coefficient < 0) && constant < 0
  return others.length === 0 || awayFromZero ? false : undefined
}

/** `a / b`, or `undefined` where `b` does not divide `a` term by term. */
export function exactQuotient(a: Dimension, b: Dimension): Dimension | undefined {
  const divisor = [...parse(b)]
  if (divisor.length !== 1) return a === b && a !== 0 ? 1 : undefined
  const [monomial, coefficient] = divisor[0]!
  const result: Polynomial = new Map()
  for (const [term, size] of parse(a)) {
    const left = symbolsOf(term)
    for (const symbol of symbolsOf(monomial)) {
      const at = left.indexOf(symbol)
      if (at < 0) return undefined
      left.splice(at, 1)
    }
    if (size % coefficient !== 0) return undefined
    add(result, left.join('*'), size / coefficient)
  }
  return print(result)
}
