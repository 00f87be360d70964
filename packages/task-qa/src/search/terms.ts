import { stemmer } from 'stemmer'

/** Scripts written without spaces: Chinese, Japanese, Thai, Lao, Khmer, Burmese. */
const spaceless = '\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Mymr}'
const runs = new RegExp(`[${spaceless}\\p{M}]+|(?:(?![${spaceless}])[\\p{L}\\p{M}])+|\\p{N}+(?:[.,]\\p{N}+)*`, 'gu')
const isSpaceless = new RegExp(`^[${spaceless}]`, 'u')

/**
 * Words that ask or join rather than name something. They weigh nothing when a question is compared with a text:
 * few documents hold "how long", so by rarity alone it would be the most telling part of a question.
 */
const functionWords = new Set(
  ('what which who whom whose when where why how many much long old often do does did is are was were be been being has have had can could will ' +
    'would should may might must shall need the a an of in on at by for from with to into as and or it its that this these those there their ' +
    'they them than then not i you he she we me my your our his her if but so about').split(' ').map(stemmed),
)
const functionCharacters = new Set('的了是在有和与于被个之为以而及或也就都多少何这那它他她我你们')
/** The same in Chinese. Taken out before a question is cut into pairs, so that no pair reaches across them. */
const functionPhrases = /什么时候|什么|怎么样|怎么|怎样|为什么|为何|如何|何时|哪里|哪儿|哪个|哪些|哪|谁|多少|多久|几|应该|应当|需要|可以|是否|吗|呢|的|了|是/g

function stemmed(word: string): string {
  // Porter leaves "dry" and "drying" apart from "dries" and "dried".
  return /^[a-z]{3,}$/.test(word) ? stemmer(word).replace(/y$/, 'i') : word
}

/** Case, width, ligatures and Latin, Greek and Cyrillic diacritics do not tell words apart. */
function fold(text: string): string {
  return text.normalize('NFKD').replaceAll(/[\u0300-\u036f]/g, '').normalize('NFC').toLowerCase()
}

/**
 * The terms of a text, in its order and as often as they stand in it. English words by their stem (Porter), numbers
 * whole, other words as they are. Scripts without spaces give their characters and pairs of neighbours: on Chinese
 * questions that finds as much as a segmenter's words do, and does not change with the platform's dictionary.
 */
export function termsOf(text: string): string[] {
  const terms: string[] = []
  for (const [run] of fold(text).replaceAll(/(?<=\p{L})['’]s\b/gu, '').matchAll(runs)) {
    if (isSpaceless.test(run)) {
      const characters = [...run]
      terms.push(...characters)
      for (let index = 1; index < characters.length; index++) terms.push(`${characters[index - 1]}${characters[index]}`)
    } else {
      terms.push(/^\p{N}/u.test(run) ? run.replaceAll(',', '') : stemmed(run))
    }
  }
  return terms
}

/** The terms of a question that name something, each once. */
export function tellingTermsOf(question: string): Set<string> {
  const terms = termsOf(question.replaceAll(functionPhrases, ' '))
  return new Set(terms.filter((term) => !functionWords.has(term) && !functionCharacters.has(term)))
}
