/** Clusters drawn two columns wide: East Asian scripts, their punctuation and full-width forms (not the half-width ones), and emoji. */
const wide =
  /^(?![\uff61-\uffdc])(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|.\ufe0f)/u
const unseen = /^[\p{Control}\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u
// oxlint-disable-next-line no-control-regex -- terminals' own escape sequences: colours and links
const escapes = /\u001b(?:\[[0-9;]*[A-Za-z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g
let clusters: Intl.Segmenter | undefined
const plain = /^[\x20-\x7e]*$/

/** The characters as a reader counts them: `'é'` and a family emoji are one each. */
export function graphemes(text: string): string[] {
  clusters ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' }) // takes milliseconds, which --help does not have
  return Array.from(clusters.segment(text), ({ segment }) => segment)
}

function clusterWidth(cluster: string): number {
  if (unseen.test(cluster)) return 0
  return wide.test(cluster) ? 2 : 1
}

/** Columns the text takes in a terminal. Escape sequences take none. */
export function textWidth(text: string): number {
  const bare = text.replace(escapes, '')
  if (plain.test(bare)) return bare.length
  return graphemes(bare).reduce((sum, cluster) => sum + clusterWidth(cluster), 0)
}

/** The text on one line, cut to a width, with an ellipsis where it was cut. Takes no escape sequences. */
export function truncate(text: string, width: number): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (textWidth(line) <= width) return line
  return `${head(line, width - 1).trimEnd()}…`
}

/** The longest beginning that fits. */
function head(text: string, width: number): string {
  let used = 0
  let result = ''
  for (const cluster of graphemes(text)) {
    used += clusterWidth(cluster)
    if (used > width) break
    result += cluster
  }
  return result
}

export const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - textWidth(text)))
export const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - textWidth(text))) + text
