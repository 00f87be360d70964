import type { Reading } from './reading.js'
import type { Frame, Token } from './token.js'

/** @param at The index it begins at, and `end` that behind what opens it. */
export function openComment(reading: Reading, at: number, end: number, frame: Pick<Frame, 'kind' | 'closer'> & Partial<Frame>): undefined {
  reading.push(frame.kind, frame.closer, reading.offset + at, { ...frame, column: reading.lineFirst === undefined ? reading.column : undefined })
  return reading.skipTo(end)
}

/** A comment's token is all of it, though it was read in parts. */
function closeComment(reading: Reading, frame: Frame, type: 'comment' | 'directive', end: number): Token {
  reading.top = frame.parent
  return reading.token(type, reading.at, end, { frame, start: frame.at, ...(frame.column === undefined ? {} : { first: true, column: frame.column }) })
}

/** Reads on in a comment of one line, or a directive, which goes on behind a backslash. */
export function readLineComment(reading: Reading, frame: Frame): Token | undefined {
  const { text } = reading
  let end = reading.at
  for (; end < text.length; end++) {
    const character = text[end]
    if (frame.escapes && character === '\\') {
      if (reading.lacks(end + 1)) break
      end += text[end + 1] === '\r' && text[end + 2] === '\n' ? 2 : 1
    } else if (character === '\n' || character === '\r') return closeComment(reading, frame, frame.escapes ? 'directive' : 'comment', end)
  }
  return reading.waitAt(Math.min(end, text.length))
}

export function readBlockComment(reading: Reading, frame: Frame): Token | undefined {
  const { text } = reading
  const nested = reading.lexis.blockComments?.nested === true
  for (let i = reading.at; i < text.length; i++) {
    const character = text[i]
    if (character !== '*' && !(nested && character === '/')) continue
    if (reading.lacks(i + 1)) return reading.waitAt(i)
    if (character === '*' && text[i + 1] === '/') return closeComment(reading, frame, 'comment', i + 2)
    if (nested && character === '/' && text[i + 1] === '*') {
      reading.skipTo(i + 2)
      reading.push('comment', '*/', reading.offset + i)
      return undefined
    }
  }
  return reading.waitAt(text.length)
}

/** A line of the preprocessor begins. */
export function openDirective(reading: Reading): undefined {
  const { text, at, offset, top } = reading
  const found = /^#[ \t]*([a-zA-Z]*)/.exec(text.slice(at, at + 40))!
  if (reading.lacks(at + found[0].length)) return reading.wait()
  switch (found[1]) {
    case 'if':
    case 'ifdef':
    case 'ifndef':
      reading.conditional = { at: offset + at, top, parent: reading.conditional }
      break
    case 'else':
    case 'elif':
    case 'elifdef':
    case 'elifndef':
      // The branches are alternatives: each begins with what was open before the first.
      if (reading.conditional !== undefined) reading.top = reading.conditional.top
      break
    case 'endif':
      reading.conditional = reading.conditional?.parent
      break
  }
  return openComment(reading, at, at + found[0].length, { kind: 'line', closer: '\n', escapes: true })
}
