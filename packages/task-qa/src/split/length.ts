/** Characters of scripts that are written without spaces count one each; other words one for every 8 letters begun. */
const units = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Mymr}]|[^\s\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Mymr}]+/gu

/**
 * How much of a model's window a text takes, near enough for choosing where to split: words, or Chinese characters.
 * A WordPiece tokenizer makes about 1.3 tokens of a unit.
 */
export function lengthOf(text: string): number {
  let length = 0
  for (const [unit] of text.matchAll(units)) length += Math.ceil(unit.length / 8)
  return length
}

/** Ends of the pieces of `text`, each at most `bound` long: cut after punctuation, else at white space, else anywhere between characters. */
export function cutsOf(text: string, bound: number): number[] {
  const cuts: number[] = []
  let from = 0
  let length = 0
  let position = 0
  let atSpace = 0
  let atClause = 0
  for (const character of text) {
    const next = position + character.length
    // In letters rather than units here: 8 letters, or one character of a script without spaces, are 1.
    length += /\s/.test(character) ? 0.5 : /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Mymr}]/u.test(character) ? 1 : 0.15
    if (/[,;:，、；：]/.test(character)) atClause = next
    if (/\s/.test(character)) atSpace = next
    if (length >= bound) {
      const half = from + (next - from) / 2
      const cut = atClause > half ? atClause : atSpace > half ? atSpace : next
      cuts.push(cut)
      length = lengthOf(text.slice(cut, next))
      from = cut
    }
    position = next
  }
  if (from < text.length) cuts.push(text.length)
  return cuts
}
