import { anyOf, characters, choice, complement, intersection, never, optional, repeat, sequence, text, type CharacterRange, type Expression } from './expression.js'

/** What JSON strings may not hold as it is: control characters, quotes, backslashes. */
const escaped: readonly CharacterRange[] = [[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]]
const hex: Expression = characters([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])
/** Four digits that stand for a whole character: half a pair counts as a character to some, and is none. */
const wholeCharacter = choice(sequence(characters([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]), repeat(hex, 3, 3)), sequence(anyOf('Dd'), characters([0x30, 0x37]), repeat(hex, 2, 2)))

/** A character of a string that is not escaped. */
const plainCharacters: readonly CharacterRange[] = complement(escaped)
/** One character of a string, in any spelling. */
export const jsonCharacter: Expression = choice(characters(...plainCharacters), sequence(text('\\'), choice(anyOf('"\\/bfnrt'), sequence(text('u'), wholeCharacter))))

/** Characters of a set within a string, each in the spelling that JSON.stringify gives it. */
export function jsonCharacters(ranges: readonly CharacterRange[]): Expression {
  const options: Expression[] = []
  const plain = intersection(ranges, plainCharacters)
  if (plain.length > 0) options.push(characters(...plain))
  for (const [first, last] of intersection(ranges, escaped)) {
    for (let point = first; point <= last; point++) options.push(text(JSON.stringify(String.fromCodePoint(point)).slice(1, -1)))
  }
  return options.length === 0 ? never : choice(...options)
}

export const jsonString: Expression = sequence(text('"'), repeat(jsonCharacter, 0), text('"'))

const digit: Expression = characters([0x30, 0x39])
const whole = choice(text('0'), sequence(characters([0x31, 0x39]), repeat(digit, 0, 15)))
export const jsonInteger: Expression = sequence(optional(text('-')), whole)
/** Exponents end at 99: a double holds all such numbers. */
export const jsonNumber: Expression = sequence(jsonInteger, optional(sequence(text('.'), repeat(digit, 1, 16))), optional(sequence(anyOf('eE'), optional(anyOf('+-')), repeat(digit, 1, 2))))

/** A string's characters that are none of the names, spelled without escapes, since "\u0061" would be "a" again. */
export function otherThan(names: readonly string[]): Expression {
  return sequence(text('"'), rest(names.map((name) => [...name])), text('"'))
}

function rest(names: readonly (readonly string[])[]): Expression {
  const plain = repeat(characters(...plainCharacters), 0)
  if (names.length === 0) return plain
  const next = new Map<string, (readonly string[])[]>()
  for (const [first, ...others] of names) if (first !== undefined) next.set(first, [...(next.get(first) ?? []), others])
  const taken = [...next.keys()].map((character): CharacterRange => [character.codePointAt(0)!, character.codePointAt(0)!])
  const otherwise = sequence(characters(...intersection(complement(taken), plainCharacters)), plain)
  const followed = [...next].filter(([character]) => intersection([[character.codePointAt(0)!, character.codePointAt(0)!]], plainCharacters).length > 0).map(([character, others]) => sequence(text(character), rest(others)))
  // A name that ends here may only go on.
  const all = choice(otherwise, ...followed)
  return names.some((name) => name.length === 0) ? all : optional(all)
}
