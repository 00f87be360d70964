import type { Reading } from './reading.js'
import type { Frame, Token } from './token.js'

/** Longer, it is no regular expression but a division on a line of machine-made code. */
const longestRegularExpression = 2_000

/** @param at The index it begins at, and `end` that behind what opens it. */
export function openString(reading: Reading, at: number, end: number, frame: Partial<Frame> & { readonly closer: string }): Token {
  const token = reading.token('open', at, end)
  reading.push('string', frame.closer, reading.offset + at, frame)
  return token
}

/** Reads on in a string, to its end or to what it interpolates. */
export function readString(reading: Reading, frame: Frame): Token | undefined {
  const { text } = reading
  const { closer } = frame
  const from = reading.at
  for (let i = from; i < text.length; i++) {
    const character = text[i]!
    if (frame.escapes && character === '\\') {
      if (reading.lacks(i + 1)) return reading.waitAt(i)
      i += text[i + 1] === '\r' && text[i + 2] === '\n' ? 2 : 1
      continue
    }
    if (character === closer[0] && text.startsWith(closer, i)) {
      reading.top = frame.parent
      return reading.token('string', from, i + closer.length, { frame })
    }
    if (character === closer[0] && reading.lacks(i + closer.length - 1) && closer.startsWith(text.slice(i))) return reading.waitAt(i)
    if (!frame.multiline && (character === '\n' || character === '\r')) {
      reading.top = frame.parent
      return reading.token('string', from, i, { frame, mismatched: true })
    }
    if (character === frame.interpolates?.[0]) {
      if (reading.lacks(i + 1)) return reading.waitAt(i)
      const doubled = frame.interpolates === '{' && text[i + 1] === '{'
      if (doubled) i++
      else if (text.startsWith(frame.interpolates, i)) {
        const token = reading.token('open', i, i + frame.interpolates.length)
        reading.push('${', '}', reading.offset + i)
        return token
      }
    }
  }
  return reading.waitAt(text.length)
}

/** A string begins at the quote at `at`; its token at `from`. */
export function openQuoted(reading: Reading, from: number, at: number): Token | undefined {
  const { text, language, lexis } = reading
  const quote = text[at]!
  if (quote === "'" && language === 'rust') {
    const next = text.codePointAt(at + 1)
    if (next === undefined && !reading.final) return reading.wait()
    const width = next === undefined || next <= 0xffff ? 1 : 2
    if (text[at + 1] !== '\\') {
      if (reading.lacks(at + 1 + width)) return reading.wait()
      // 'a is a lifetime, 'a' a character.
      if (text[at + 1 + width] !== "'") return reading.token('punctuation', from, at + 1)
      return reading.token('string', from, at + 2 + width)
    }
  }
  if (quote === "'" && lexis.syntax === 'unknown' && at > 0 && /\w/.test(text[at - 1]!)) return reading.token('punctuation', at, at + 1)
  const interpolates = lexis.interpolating?.test(text.slice(from, at)) === true ? '{' : undefined
  if (lexis.tripled?.includes(quote) === true) {
    if (reading.lacks(at + 1) || (text[at + 1] === quote && reading.lacks(at + 2))) return reading.wait()
    if (text[at + 1] === quote && text[at + 2] === quote) return openString(reading, from, at + 3, { closer: quote.repeat(3), multiline: true, escapes: true, interpolates })
  }
  return openString(reading, from, at + 1, { closer: quote, escapes: true, multiline: language === 'rust' && quote === '"', interpolates })
}

/** The string whose letters begin at `from` and whose quote stands at `at`, if one begins there. */
export function openPrefixed(reading: Reading, from: number, at: number): Token | undefined | 'none' {
  const { text, language } = reading
  const prefix = text.slice(from, at)
  if (language === 'rust' && prefix.includes('r')) {
    const found = /^(#*)(.?)/s.exec(text.slice(at, at + 64))!
    if (found[2] === '' && !reading.final) return reading.wait()
    if (found[2] !== '"') return 'none'
    return openString(reading, from, at + found[0].length, { closer: `"${found[1]}`, multiline: true })
  }
  if (text[at] === '#') return 'none'
  if (language === 'cpp' && prefix.endsWith('R')) {
    // The delimiter has 16 characters at most.
    const found = /^"([^\s()\\"]{0,16})(.?)/s.exec(text.slice(at, at + 18))!
    if (found[2] === '' && !reading.final) return reading.wait()
    if (found[2] === '(') return openString(reading, from, at + found[0].length, { closer: `)${found[1]}"`, multiline: true })
  }
  return openQuoted(reading, from, at)
}

/** Of what is open, so much is looked through for the string around. */
const mostInString = 64

/** The string in whose braces the text goes on as code: Python's, in which other rules hold for quotes, line breaks and `#`. */
export function interpolatedString({ top, language }: Reading): Frame | undefined {
  if (language !== 'python') return undefined
  let frame = top
  for (let steps = 0; frame !== undefined && frame.kind !== '${' && steps < mostInString; steps++) frame = frame.parent
  return frame?.kind === '${' ? frame.parent : undefined
}

/** Ends a string from within its braces: at its quote where nothing else is open in them (before Python 3.12 at any), and with its line. */
export function endInterpolated(reading: Reading, frame: Frame): Token | undefined | 'none' {
  const { text, at, top } = reading
  const character = text[at]!
  if (/[\r\n]/.test(character)) {
    if (frame.multiline) return 'none'
    reading.top = frame.parent
    return reading.token('string', at, at, { frame, mismatched: true })
  }
  if (character !== frame.closer[0] || top?.kind !== '${') return 'none'
  if (frame.closer.startsWith(text.slice(at)) && reading.lacks(at + frame.closer.length - 1)) return reading.wait()
  if (!text.startsWith(frame.closer, at)) return 'none'
  reading.top = frame.parent
  return reading.token('string', at, at + frame.closer.length, { frame })
}

/** A regular expression, or a division where its end is on no line. */
export function readRegularExpression(reading: Reading): Token | undefined {
  const { text, at } = reading
  let inClass = false
  const limit = Math.min(text.length, at + longestRegularExpression)
  for (let i = at + 1; i < limit; i++) {
    const character = text[i]
    if (character === '\\') i++
    else if (character === '\n' || character === '\r') return reading.token('punctuation', at, at + 1)
    else if (character === '[') inClass = true
    else if (character === ']') inClass = false
    else if (character === '/' && !inClass) return reading.token('string', at, i + 1)
  }
  return reading.lacks(limit) ? reading.wait() : reading.token('punctuation', at, at + 1)
}
