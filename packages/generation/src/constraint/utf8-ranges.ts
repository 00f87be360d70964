import { complement, type CharacterRange } from './expression.js'

/** Bytes from the first to the last. */
export type ByteRange = readonly [low: number, high: number]

/** How many bits of a code point the bytes after the first hold, and what the first byte begins with, by the number of bytes. */
const lengths = [
  { last: 0x7f, lead: 0 },
  { last: 0x7ff, lead: 0xc0 },
  { last: 0xffff, lead: 0xe0 },
  { last: 0x10ffff, lead: 0xf0 },
]

/** The byte sequences that spell a set of code points in UTF-8; each is a range for every byte. */
export function utf8Ranges(ranges: readonly CharacterRange[]): ByteRange[][] {
  const sequences: ByteRange[][] = []
  // Twice the complement: sorted, merged, and without surrogates, which UTF-8 has no spelling for.
  for (const [first, last] of complement(complement(ranges))) {
    let from = first
    lengths.forEach(({ last: longest }, index) => {
      if (from > last || from > longest) return
      split(from, Math.min(last, longest), index, [], sequences)
      from = longest + 1
    })
  }
  return sequences
}

/** Spells a range whose characters have `following` bytes after the one to be spelled. */
function split(first: number, last: number, following: number, before: readonly ByteRange[], into: ByteRange[][]): void {
  const lead = before.length > 0 ? 0x80 : lengths[following]!.lead
  const byte = (point: number) => lead | (before.length > 0 ? (point >> (6 * following)) & 0x3f : point >> (6 * following))
  if (following === 0) {
    into.push([...before, [byte(first), byte(last)]])
    return
  }
  const rest = (1 << (6 * following)) - 1
  // A border that cuts through what one leading byte spells stands alone.
  const whole = (first & rest) === 0 && (last & rest) === rest
  if (first >> (6 * following) === last >> (6 * following) || whole) {
    const lead: ByteRange = [byte(first), byte(last)]
    if (whole) into.push([...before, lead, ...Array.from({ length: following }, (): ByteRange => [0x80, 0xbf])])
    else split(first, last, following - 1, [...before, lead], into)
    return
  }
  const head = (first & rest) === 0 ? first : (first | rest) + 1
  const tail = (last & rest) === rest ? last + 1 : last - (last & rest)
  if (first < head) split(first, head - 1, following, before, into)
  if (head < tail) split(head, tail - 1, following, before, into)
  if (tail <= last) split(tail, last, following, before, into)
}
