/** What Python's str.strip takes for white space. JavaScript's trim also takes U+FEFF, and not U+001C to U+001F and U+0085. */
const isWhiteSpace = (code: number): boolean =>
  (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20) || code === 0x85 || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || code === 0x2028 || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000

/** The text without such characters at its beginning. Without `characters`: white space. */
export function stripStart(text: string, characters?: string): string {
  const points = characters === undefined ? undefined : new Set(characters)
  let begin = 0
  while (begin < text.length) {
    const point = String.fromCodePoint(text.codePointAt(begin)!)
    if (!(points?.has(point) ?? isWhiteSpace(point.charCodeAt(0)))) break
    begin += point.length
  }
  return text.slice(begin)
}

/** The same at its end. */
export function stripEnd(text: string, characters?: string): string {
  const points = characters === undefined ? undefined : new Set(characters)
  let end = text.length
  while (end > 0) {
    const low = text.charCodeAt(end - 1)
    const high = text.charCodeAt(end - 2)
    const length = low >= 0xdc00 && low < 0xe000 && high >= 0xd800 && high < 0xdc00 ? 2 : 1
    const point = text.slice(end - length, end)
    if (!(points?.has(point) ?? isWhiteSpace(low))) break
    end -= length
  }
  return text.slice(0, end)
}

/** The words between white space, as Python's str.split() without arguments gives them. */
export function splitWords(text: string, most = Infinity): string[] {
  const words: string[] = []
  let rest = stripStart(text)
  while (rest !== '' && words.length < most) {
    let end = 0
    while (end < rest.length && !isWhiteSpace(rest.charCodeAt(end))) end++
    words.push(rest.slice(0, end))
    rest = stripStart(rest.slice(end))
  }
  if (rest !== '') words.push(rest)
  return words
}

export const isBlank = (text: string): boolean => text !== '' && stripStart(text) === ''
