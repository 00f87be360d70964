/** A stretch of a text: UTF-16 code units `[from, to)`. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A full stop after these never ends a sentence. */
const neverLast = new Set(
  'mr mrs ms mx dr prof rev fr gen col maj capt lt cmdr sgt gov sen rep pres hon messrs mme mlle st mt ft vs e.g i.e cf viz ca approx eds trans resp'.split(' '),
)
/** A full stop after these does not end a sentence when a number follows. */
const beforeNumbers = new Set('no nos nr fig figs eq eqs p pp vol ch chap sec art par tab ref refs op jan feb mar apr jun jul aug sept sep oct nov dec'.split(' '))
/** A full stop after these may end a sentence: it does when one of `starters` follows. */
const maybeLast = new Set('etc inc ltd co corp jr sr bros al est dept univ assn ave blvd rd bc ad ph.d'.split(' '))
/** Words that begin an English sentence far more often than they follow a name. */
const starters = new Set(
  ('The A An It Its He She They We You I This That These Those There Here In On At By For From With As After Before During Since ' +
    'While When Where If Although Though However But And Or So Then Thus Also Both Each Some Many Most All One Two No Not His Her Their Our My').split(' '),
)

const closers = '"\'”’»›)\\]}」』】〉》）］｝〕〗'
/** Marks that end a sentence by themselves: Chinese and Japanese, Devanagari, Arabic, Armenian, Ethiopic, Burmese, Khmer. */
const firm = '。！？｡；।॥؟۔։።၊။។'
/**
 * A run of marks with the quotes and brackets that close behind them. After ASCII marks and the ellipsis white space
 * must follow, or a script that is written without spaces.
 */
const endings = new RegExp(`[${firm}][${firm}.!?…]*[${closers}]*|[.!?…．]+[${closers}]*(?=\\s|$|[\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}])`, 'gu')

/** Whether the ASCII mark at `index` closes a sentence, going by the words around it. */
function endsSentence(text: string, index: number, mark: string, end: number): boolean {
  const after = /^\s*(?:["'“‘«([]\s*)*(\S+)/.exec(text.slice(end, end + 64))?.[1]
  if (after === undefined) return true
  const nextWord = /^[\p{L}\p{M}]+/u.exec(after)?.[0] ?? ''
  if (/^\p{Ll}/u.test(nextWord)) return false
  if (!mark.startsWith('.') || mark.startsWith('..')) return true
  const before = text.slice(Math.max(0, index - 32), index)
  const word = /[\p{L}\p{M}\p{N}.&]+$/u.exec(before)?.[0] ?? ''
  const lower = word.toLowerCase()
  // "1. Measure the wood": the number of an item, not its sentence.
  if (/^\d{1,3}$/.test(word) && text.slice(0, index).trim() === word) return false
  if (neverLast.has(lower)) return false
  if (beforeNumbers.has(lower) && /^(?:[\d#]|[IVXLC]+\b)/.test(after)) return false
  // "J. S. Bach", "U.S. Army", "3 p.m."
  if (maybeLast.has(lower) || /^\p{Lu}$/u.test(word) || /^\p{L}(?:\.\p{L})+$/u.test(word)) return starters.has(nextWord)
  return true
}

/**
 * Sentences of a text in any script, without the white space around them. Rules of our own rather than
 * `Intl.Segmenter`, which ends sentences after "Dr." and at line ends, and changes with the ICU of the platform.
 */
export function sentencesOf(text: string): Range[] {
  const sentences: Range[] = []
  let from = 0
  const push = (to: number) => {
    const piece = text.slice(from, to)
    const trimmed = piece.trim()
    if (trimmed !== '') {
      const start = from + piece.indexOf(trimmed)
      sentences.push({ from: start, to: start + trimmed.length })
    }
    from = to
  }
  for (const { 0: mark, index } of text.matchAll(endings)) {
    const end = index + mark.length
    if (!/^[.!?…．]/.test(mark) || endsSentence(text, index, mark, end)) push(end)
  }
  push(text.length)
  return sentences
}

/** The lines of preformatted text, without the white space around them. */
export function linesOf(text: string): Range[] {
  return [...text.matchAll(/\S(?:[^\r\n]*\S)?/g)].map(({ 0: line, index }) => ({ from: index, to: index + line.length }))
}
