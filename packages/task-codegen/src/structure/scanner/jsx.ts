import { openBracket } from './brackets.js'
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
    reading.top = frame.parent
    reading.push('element', `</${frame.name}>`, frame.at)
  }
  return reading.skipTo(at + 1)
}

/** Reads on in an element's text, to the next tag or brace. */
export function readElement(reading: Reading, frame: Frame): Token | undefined {
  const { text } = reading
  for (let i = reading.at; i < text.length; i++) {
    const character = text[i]
    if (character !== '{' && character !== '<') continue
    reading.skipTo(i)
    if (character === '{') return openBracket(reading, i)
    if (text[i + 1] === '/') {
      const end = text.indexOf('>', i)
      if (end < 0) {
        if (!reading.final) return reading.wait()
        break
      }
      const closing = text.slice(i, end + 1).replaceAll(/\s/g, '')
      reading.top = frame.parent
      return reading.token('close', i, end + 1, { frame, ...(closing === frame.closer ? {} : { mismatched: true }) })
    }
    const tag = openTag(reading, i)
    if (tag !== 'none') return tag
  }
  return reading.waitAt(text.length)
}
