import { choice, complement, nothing, repeat, sequence, type CharacterRange, type Expression } from './expression.js'

/** What a regular expression matches, and how many characters that has. */
export interface RegularExpression {
  readonly expression: Expression
  readonly shortest: number
  readonly longest: number
}

/** How characters are spelled where the text stands. */
export type Spell = (ranges: readonly CharacterRange[]) => Expression

const DEPTH = 100
const REPETITIONS = 10_000

const digits: readonly CharacterRange[] = [[0x30, 0x39]]
const words: readonly CharacterRange[] = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]
const spaces: readonly CharacterRange[] = [[0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]]
const lineEnds: readonly CharacterRange[] = [[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]
const classes: Readonly<Record<string, readonly CharacterRange[]>> = { d: digits, D: complement(digits), w: words, W: complement(words), s: spaces, S: complement(spaces) }
const controls: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c, v: 0x0b, '0': 0 }

/**
 * Reads the part of JavaScript's regular expressions (flag u) that is regular: characters, classes, groups, |, quantifiers, and ^ and $ at
 * the ends of an alternative. Where they are missing anything may stand before or after, as `RegExp.test` has it.
 * @param source One that `faultOf` finds nothing in.
 * @param refuse Makes the error to be thrown.
 */
export function parseRegularExpression(source: string, spell: Spell, refuse: (problem: string) => Error): RegularExpression {
  const any: RegularExpression = { expression: repeat(spell(complement([])), 0), shortest: 0, longest: Infinity }
  let place = 0
  let depth = 0
  const at = (expected: string) => source.startsWith(expected, place)
  const take = (expected: string) => {
    const there = at(expected)
    if (there) place += expected.length
    return there
  }

  const read = alternatives(true)
  if (place < source.length) throw refuse(`has '${source[place]}' in a place where it cannot be followed`)
  return read

  function alternatives(outermost: boolean): RegularExpression {
    const options = [alternative(outermost)]
    while (take('|')) options.push(alternative(outermost))
    return { expression: choice(...options.map(({ expression }) => expression)), shortest: Math.min(...options.map(({ shortest }) => shortest)), longest: Math.max(...options.map(({ longest }) => longest)) }
  }

  function alternative(outermost: boolean): RegularExpression {
    const parts: RegularExpression[] = []
    if (outermost && !take('^')) parts.push(any)
    while (place < source.length && !at('|') && !at(')')) {
      if (outermost && at('$') && (place + 1 === source.length || source[place + 1] === '|')) break
      parts.push(quantified(term()))
    }
    if (outermost && !take('$')) parts.push(any)
    return joined(parts)
  }

  function term(): RegularExpression {
    if (take('(')) {
      if (++depth > DEPTH) throw refuse(`has more than ${DEPTH} groups within one another`)
      if (take('?')) {
        const named = /^<[^=!>][^>]*>/.exec(source.slice(place))
        if (named !== null) place += named[0].length
        else if (!take(':')) throw refuse('looks ahead or behind, or sets flags, which a generated text cannot be held to')
      }
      const group = alternatives(false)
      take(')')
      depth--
      return group
    }
    if (at('^') || at('$')) throw refuse(`has ${source[place]} in its middle, where it is not followed`)
    return one(at('[') ? set() : take('.') ? complement(lineEnds) : at('\\') ? escape() : character())
  }

  function quantified(part: RegularExpression): RegularExpression {
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(source.slice(place, place + 64))
    if (found === null) return part
    place += found[0].length
    const sign = found[0][0]!
    const least = sign === '{' ? Number(found[1]) : sign === '+' ? 1 : 0
    const most = sign === '?' ? 1 : sign !== '{' ? Infinity : found[2] === '' ? least : found[3] === '' ? Infinity : Number(found[3])
    if (Math.max(least, most === Infinity ? 0 : most) > REPETITIONS) throw refuse(`repeats more than ${REPETITIONS} times`)
    return {
      expression: repeat(part.expression, least, most),
      shortest: part.shortest * least,
      longest: part.longest === 0 || most === 0 ? 0 : part.longest * most,
    }
  }

  function set(): readonly CharacterRange[] {
    place++
    const negated = take('^')
    const ranges: CharacterRange[] = []
    while (!take(']')) {
      const first = at('\\') ? escape(true) : character()
      if (at('-') && source[place + 1] !== ']' && first.length === 1 && first[0]![0] === first[0]![1]) {
        place++
        const last = at('\\') ? escape(true) : character()
        ranges.push([first[0]![0], last[0]![1]])
      } else ranges.push(...first)
    }
    return negated ? complement(ranges) : ranges
  }

  function character(): readonly CharacterRange[] {
    const point = source.codePointAt(place)!
    place += point > 0xffff ? 2 : 1
    return [[point, point]]
  }

  function escape(inSet = false): readonly CharacterRange[] {
    const sign = source[++place]!
    place++
    if (classes[sign] !== undefined) return classes[sign]
    const numbered = sign === 'x' ? /^[\da-f]{2}/i : sign === 'u' ? /^(?:\{[\da-f]+\}|[\da-f]{4}(?:\\u[\da-f]{4})?)/i : undefined
    if (numbered !== undefined) {
      let hex = numbered.exec(source.slice(place))![0]
      // Two halves of a pair are one character; two others are two.
      const pair = hex.length === 10 ? String.fromCharCode(Number.parseInt(hex.slice(0, 4), 16), Number.parseInt(hex.slice(6), 16)) : ''
      if (pair !== '' && pair.codePointAt(0)! <= 0xffff) hex = hex.slice(0, 4)
      place += hex.length
      const point = hex.length === 10 ? pair.codePointAt(0)! : Number.parseInt(hex.replace(/[{}]/g, ''), 16)
      return [[point, point]]
    }
    if (inSet && sign === 'b') return [[8, 8]]
    if (/[bBpPk1-9]/.test(sign)) throw refuse(`has \\${sign}, which is not followed`)
    if (sign === 'c') return [[source.charCodeAt(place) & 31, source.charCodeAt(place++) & 31]]
    const point = controls[sign] ?? sign.codePointAt(0)!
    return [[point, point]]
  }

  function one(ranges: readonly CharacterRange[]): RegularExpression {
    return { expression: spell(ranges), shortest: 1, longest: 1 }
  }
}

const joined = (parts: readonly RegularExpression[]): RegularExpression => ({
  expression: parts.length === 0 ? nothing : sequence(...parts.map(({ expression }) => expression)),
  shortest: parts.reduce((sum, { shortest }) => sum + shortest, 0),
  longest: parts.reduce((sum, { longest }) => sum + longest, 0),
})

/** What JavaScript has against a regular expression. */
export function faultOf(source: string): string | undefined {
  try {
    return void RegExp(source, 'u')
  } catch (error) {
    return (error as Error).message
  }
}
