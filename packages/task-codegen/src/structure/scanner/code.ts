import { closeBracket, openBracket } from './brackets.js'
import { openComment, openDirective } from './comments.js'
import { closeTagFromWithin, openTag, readStrayTag } from './jsx.js'
import { readLineBreak } from './line-breaks.js'
import type { Reading } from './reading.js'
import { endInterpolated, interpolatedString, openPrefixed, openQuoted, openString, readRegularExpression } from './strings.js'
import type { Token } from './token.js'

const operatorRun = /[=+\-*%&|^!~?:>.@]+/y
const wordRun = /[\p{L}\p{N}\p{M}_$\u200c\u200d]+/uy
const numberRun = /(?:[\p{L}\p{N}_]|\.(?=\p{N}))+/uy
const cppNumberRun = /(?:[\w]|\.(?=\d)|'(?=\w))+/y

/** The length of what a pattern matches at an index; 0 for nothing. */
function runLength(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0].length ?? 0
}

/** Reads a token of code, where no string, comment or element is open. */
export function readCode(reading: Reading): Token | undefined {
  const { text, at } = reading
  const character = text[at]!
  const string = interpolatedString(reading)
  if (string !== undefined) {
    const token = endInterpolated(reading, string)
    if (token !== 'none') return token
    if (character === '#') return reading.token('punctuation', at, at + 1)
  }
  switch (character) {
    case '\n':
    case '\r':
      return readLineBreak(reading, at)
    case '(':
    case '[':
    case '{':
      return openBracket(reading, at, true)
    case ')':
    case ']':
    case '}':
      return closeBracket(reading, at)
    case ';':
    case ',':
      return reading.token('punctuation', at, at + 1)
    case '\\':
      if (reading.lacks(at + 1)) return reading.wait()
      if (/[\r\n]/.test(text[at + 1] ?? '')) return reading.skipTo(at + (text.startsWith('\r\n', at + 1) ? 3 : 2))
      break
  }
  if (/\s/.test(character)) return reading.skipTo(at + 1)
  const { lexis, language } = reading
  if (lexis.directives === true && character === '#' && reading.lineFirst === undefined) return openDirective(reading)
  const comment = lexis.lineComments.find((opening) => text.startsWith(opening, at))
  if (comment !== undefined && !(lexis.syntax === 'unknown' && at > 0 && /[\w:&$'"]/.test(text[at - 1]!))) return openComment(reading, at, at + comment.length, { kind: 'line', closer: '\n' })
  if (character === '/') return readSlash(reading)
  if (lexis.quotes.includes(character) || (character === "'" && language === 'rust')) return openQuoted(reading, at, at)
  if (character === '`' && lexis.backtick !== undefined) {
    const template = lexis.backtick === 'template'
    return openString(reading, at, at + 1, { closer: '`', multiline: true, escapes: template, interpolates: template ? '${' : undefined })
  }
  if (character === '<') {
    const tag = lexis.jsx === true ? readTagInCode(reading) : 'none'
    return tag === 'none' ? reading.token('punctuation', at, at + 1) : tag
  }
  return readRun(reading)
}

function readTagInCode(reading: Reading): Token | undefined | 'none' {
  const { at } = reading
  const stray = readStrayTag(reading, at)
  return stray === 'none' && reading.expectsValue ? openTag(reading, at) : stray
}

/** A comment, a regular expression or a division. */
function readSlash(reading: Reading): Token | undefined {
  const { text, at, lexis } = reading
  if (reading.lacks(at + 1)) return reading.wait()
  if (text[at + 1] === '*' && lexis.blockComments !== undefined) return openComment(reading, at, at + 2, { kind: 'comment', closer: '*/' })
  if (lexis.regularExpressions === true && reading.expectsValue) return readRegularExpression(reading)
  const closed = lexis.jsx === true && text[at + 1] === '>' ? closeTagFromWithin(reading) : undefined
  if (closed !== undefined) return closed
  return reading.token('punctuation', at, at + 1)
}

/** A number, a word, the string that a word begins, or an operator. */
function readRun(reading: Reading): Token | undefined {
  const { text, at, lexis, language } = reading
  const isNumber = /\p{N}/u.test(text[at]!)
  const end = at + runLength(isNumber ? (language === 'cpp' ? cppNumberRun : numberRun) : wordRun, text, at)
  if (end > at) {
    if (reading.lacks(end) || (isNumber && reading.lacks(end + 1) && /[.']/.test(text[end]!))) return reading.wait()
    const next = text[end]
    const quoted = next !== undefined && (lexis.quotes.includes(next) || (language === 'rust' && (next === '#' || next === "'")))
    const string = !isNumber && quoted && lexis.stringPrefix?.test(text.slice(at, end)) === true ? openPrefixed(reading, at, end) : 'none'
    return string === 'none' ? reading.token(isNumber ? 'number' : 'word', at, end) : string
  }
  const operatorEnd = at + runLength(operatorRun, text, at)
  if (operatorEnd === at) return reading.token('punctuation', at, at + (text.codePointAt(at)! > 0xffff ? 2 : 1))
  return reading.lacks(operatorEnd) ? reading.wait() : reading.token('punctuation', at, operatorEnd)
}
