/** A range of code points, both ends in it. */
export type CharacterRange = readonly [first: number, last: number]

/** What a rule of a grammar stands for. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'characters'; readonly ranges: readonly CharacterRange[] }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly part: Expression; readonly least: number; readonly most: number }
  | { readonly kind: 'rule'; readonly name: string }

export interface Grammar {
  readonly rules: ReadonlyMap<string, Expression>
  readonly root: string
}

export const text = (text: string): Expression => ({ kind: 'text', text })
export const characters = (...ranges: readonly CharacterRange[]): Expression => ({ kind: 'characters', ranges })
export const sequence = (...parts: readonly Expression[]): Expression => (parts.length === 1 ? parts[0]! : { kind: 'sequence', parts })
/** One of the options; of none, nothing at all fits. */
export const choice = (...options: readonly Expression[]): Expression => (options.length === 1 ? options[0]! : { kind: 'choice', options })
export const repeat = (part: Expression, least: number, most = Infinity): Expression => ({ kind: 'repeat', part, least, most })
export const optional = (part: Expression): Expression => repeat(part, 0, 1)
export const rule = (name: string): Expression => ({ kind: 'rule', name })
export const nothing: Expression = sequence(...([] as Expression[]))
export const never: Expression = choice(...([] as Expression[]))

/** One of the characters of a string. */
export const anyOf = (set: string): Expression => characters(...[...set].map((character): CharacterRange => [character.codePointAt(0)!, character.codePointAt(0)!]))

const LAST = 0x10ffff
const surrogates: CharacterRange = [0xd800, 0xdfff]

/** The code points, surrogates aside, that are in none of the ranges. */
export function complement(ranges: readonly CharacterRange[]): CharacterRange[] {
  const rest: CharacterRange[] = []
  let next = 0
  for (const [first, last] of [...ranges, surrogates].sort((a, b) => a[0] - b[0])) {
    if (first > next) rest.push([next, first - 1])
    next = Math.max(next, last + 1)
  }
  if (next <= LAST) rest.push([next, LAST])
  return rest
}

/** The code points, surrogates aside, that are in both. */
export const intersection = (one: readonly CharacterRange[], other: readonly CharacterRange[]): CharacterRange[] => complement([...complement(one), ...complement(other)])
