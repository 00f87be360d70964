import { openBracket } from './brackets.js'
import { readLineBreak } from './line-breaks.js'
import type { Reading } from './reading.js'
import { openString } from './strings.js'
import type { Frame, Token } from './token.js'

/** Opens the tag that begins at `at`, if one does; undefined where more text must tell. */
export function openTag(reading: Reading, at: number): Token | undefined | 'none' {
  const { text } = reading
  const found = /^<([\p{L}_$][\p{L}\p{N}_$.:-]*)?/u.exec(text.slice(at, at + 200))!
  const end = at + found[0].length
  if (reading.lacks(end)) return reading.wait()
  const name = found[1] ?? ''
  const after = text.slice(end, end + 9)
  // `<` alone compares; `<T,>` and `<T extends U>` are parameters of an arrow function.
  if ((name === '' && after[0] !== '>') || /^\s*,/.test(after) || /^\s+extends\b/.test(after)) return 'none'
  const token = reading.token('open', at, end)
  reading.push('tag', '/>', reading.offset + at, { name })
  return token
}

/** Reads on among a tag's attributes. */
export function readTag(reading: Reading, frame: Frame): Token | undefined {
  const { text, at } = reading
  const character = text[at]!
  if (character === '\n' || character === '\r') return readLineBreak(reading, at)
  if (character === '"' || character === "'") return openString(reading, at, at + 1, { closer: character, multiline: true })
  if (character === '{') return openBracket(reading, at)
  if (character === '/') {
    if (reading.lacks(at + 1)) return reading.wait()
    if (text[at + 1] === '>') {
      reading.top = frame.parent
      return reading.token('close', at, at + 2, { frame })
    }
  }
  if (character === '>') {
    const token = reading.token('punctuation', at, at + 1)
    reading.top = frame.parent
    reading.push('element', `</${frame.name}>`, frame.at)
    return token
  }
  const end = runEnd(text, at, attribute)
  if (end === at) return reading.skipTo(at + 1)
  return reading.lacks(end) ? reading.wait() : reading.token('text', at, end)
}

/** Reads on in an element's text, to the next tag, brace or line. */
export function readElement(reading: Reading): Token | undefined {
  const { text, at } = reading
  const character = text[at]!
  if (character === '\n' || character === '\r') return readLineBreak(reading, at)
  if (character === '{') return openBracket(reading, at)
  if (character === '<') {
    if (reading.lacks(at + 1)) return reading.wait()
    if (text[at + 1] === '/') return readClosingTag(reading, at)
    const tag = openTag(reading, at)
    if (tag !== 'none') return tag
  } else if (/\s/.test(character)) return reading.skipTo(at + 1)
  const end = runEnd(text, at + 1, prose)
  if (reading.lacks(end)) return reading.wait()
  return reading.token('text', at, at + text.slice(at, end).trimEnd().length)
}

const attribute = /[^\s"'{/>]*/y
const prose = /[^{<\r\n]*/y

function runEnd(text: string, at: number, run: RegExp): number {
  run.lastIndex = at
  return at + run.exec(text)![0].length
}

/** Closes the element that is named, and what was left open in it. A tag that closes nothing, or ends nowhere, closes what is innermost. */
function readClosingTag(reading: Reading, at: number): Token | undefined {
  const { text, top } = reading
  const end = text.indexOf('>', at)
  if (end < 0) return reading.final ? reading.waitAt(text.length) : reading.wait()
  return closeTag(reading, at, end + 1) ?? closeInnermost(reading, top, at, end + 1)
}

function closeInnermost(reading: Reading, frame: Frame | undefined, at: number, end: number): Token {
  reading.top = frame?.parent
  return reading.token('close', at, end, { frame, mismatched: true })
}

/** Of what is open, so much is looked through for what a tag closes. */
const mostLeftOpen = 64

/** Reads a tag that closes an element that is open; undefined where none is. */
function closeTag(reading: Reading, at: number, end: number): Token | undefined {
  const { top, text } = reading
  const closing = text.slice(at, end).replaceAll(/\s/g, '')
  let frame = top
  for (let steps = 0; frame !== undefined && !(frame.kind === 'element' && frame.closer === closing) && steps < mostLeftOpen; steps++) frame = frame.parent
  if (frame?.closer !== closing) return undefined
  reading.top = frame.parent
  return reading.token('close', at, end, { frame, ...(frame === top ? {} : { mismatched: true }) })
}

/** Reads a closing tag in code: it ends what was left open in its element, or begins what stands behind the cursor. `'none'` where it is no tag. */
export function readStrayTag(reading: Reading, at: number): Token | undefined | 'none' {
  const { text } = reading
  const found = /^<(?:\/(?:[\p{L}_$][\p{L}\p{N}_$.:-]*)?(>)?)?/u.exec(text.slice(at, at + 200))!
  if (reading.lacks(at + found[0].length) && found[1] === undefined) return reading.wait()
  if (found[1] === undefined) return 'none'
  const end = at + found[0].length
  return closeTag(reading, at, end) ?? reading.token('close', at, end, { mismatched: true })
}

/** `/>` in code, where no value is divided by a comparison: what was left open in the attributes of a tag ends with it. */
export function closeTagFromWithin(reading: Reading): Token | undefined {
  const { at } = reading
  let frame = reading.top
  for (let steps = 0; frame !== undefined && frame.kind !== 'tag' && steps < mostLeftOpen; steps++) frame = /^[[({]$/.test(frame.kind) ? frame.parent : undefined
  if (frame?.kind !== 'tag') return undefined
  reading.top = frame.parent
  return reading.token('close', at, at + 2, { frame, mismatched: true })
}
