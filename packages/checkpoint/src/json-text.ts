const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** A stretch of a text: from `begin` up to `end`. */
export interface Span {
  readonly begin: number
  readonly end: number
}

/** Index after the closing quote of the string literal that starts at `start`; the end of the text where none closes it. */
export function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let escapes = 0
    while (json.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end + 1
  }
  return json.length
}

/** Index after the value that starts at `start`. What lies inside it is not looked at, but for strings and brackets. */
function endOfValue(json: string, start: number): number {
  let depth = 0
  for (let index = start; index < json.length; index++) {
    const character = json.charCodeAt(index)
    if (character === quote) {
      index = endOfString(json, index) - 1
      if (depth === 0) return index + 1
    } else if (character === openBrace || character === openBracket) depth++
    else if (character === closeBrace || character === closeBracket) {
      if (depth === 0) return index
      if (--depth === 0) return index + 1
    } else if (character === comma && depth === 0) return index
  }
  return json.length
}

/** Index of the first character from `index` on that is no white space of JSON. */
function behindSpace(json: string, index: number): number {
  for (; index < json.length; index++) if (json.charCodeAt(index) > 0x20) return index
  return json.length
}

/** Where the values of an object's keys stand in a JSON text. */
interface Members {
  readonly places: ReadonlyMap<string, Span>
  /** Those of the object behind one of the keys, which was asked for. */
  readonly inner?: Members | undefined
  /** Behind the object. */
  readonly end: number
}

/**
 * Where the values of the keys of the object at `start` stand, and those of the object behind its key `into`; `undefined` where one of
 * them is no object, or has a key twice. The text may yet be no JSON: nothing inside other values is looked at.
 */
export function membersOf(json: string, start: number, into?: string): Members | undefined {
  const places = new Map<string, Span>()
  let inner: Members | undefined
  let index = behindSpace(json, start)
  if (json.charCodeAt(index) !== openBrace) return undefined
  index = behindSpace(json, index + 1)
  while (json.charCodeAt(index) === quote) {
    const end = endOfString(json, index)
    const key = json.slice(index + 1, end - 1)
    index = behindSpace(json, end)
    if (json.charCodeAt(index) !== colon || places.has(key) || key.includes('\\')) return undefined
    const begin = behindSpace(json, index + 1)
    if (key === into && (inner = membersOf(json, begin)) === undefined) return undefined
    const after = key === into ? inner!.end : endOfValue(json, begin)
    places.set(key, { begin, end: after })
    index = behindSpace(json, after)
    if (json.charCodeAt(index) === comma) index = behindSpace(json, index + 1)
  }
  return json.charCodeAt(index) === closeBrace ? { places, inner, end: index + 1 } : undefined
}

/** Calls `visit` with the place of each string literal in a span, quotes left out, how deep in brackets it stands, and how many were opened before it. */
export function eachString(json: string, { begin, end }: Span, visit: (begin: number, end: number, depth: number, opened: number) => void): void {
  let depth = 0
  let opened = 0
  for (let index = begin; index < end; index++) {
    const character = json.charCodeAt(index)
    if (character === quote) {
      const after = endOfString(json, index)
      visit(index + 1, after - 1, depth, opened)
      index = after - 1
    } else if (character === openBrace || character === openBracket) {
      depth++
      opened++
    } else if (character === closeBrace || character === closeBracket) depth--
  }
}
