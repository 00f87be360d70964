import type { Reading } from './reading.js'
import type { Token } from './token.js'

const closers = { '(': ')', '[': ']', '{': '}' } as const

const wordCharacter = /[\p{L}\p{N}_$]/u
/** An object may stand behind them, and a brace is its beginning. */
const beforeObject = new Set(['return', 'typeof', 'in', 'of', 'throw', 'yield', 'await', 'new', 'case', 'import', 'export', 'type', 'const', 'let', 'var'])
/** What a line begins with whose block is no function's body. */
const control = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'else', 'do', 'try', 'finally', 'match', 'loop', 'unsafe', 'select', 'class', 'struct', 'enum', 'interface', 'namespace', 'impl', 'trait', 'mod', 'union', 'type', 'synchronized'])

/** @param inCode Whether a brace may hold statements: in JSX it holds an expression. */
export function openBracket(reading: Reading, at: number, inCode = false): Token {
  const { text, lineFirst, last } = reading
  const character = text[at] as keyof typeof closers
  const token = reading.token('open', at, at + 1)
  const block = character === '{' && inCode && opensBlock(reading, text[at - 1])
  const body = block && last !== undefined && !(lineFirst !== undefined && control.has(lineFirst.text === '}' ? 'else' : lineFirst.text))
  reading.push(character, closers[character], reading.offset + at, { block, body, name: last?.type === 'word' ? last.text : '' })
  return token
}

/** Whether a brace holds statements, as far as what was read before it tells; `previous` is the character before it. */
function opensBlock({ last, beforeLast, language }: Reading, previous: string | undefined): boolean {
  if (last === undefined || last.type === 'open' || last.type === 'close') {
    if (language === 'go' && last?.text === ']') return false
    return last?.text !== '(' && last?.text !== '['
  }
  if (last.type === 'punctuation') return last.text === '=>' || last.text === ';' || last.text.endsWith('>') || (last.text === ':' && beforeLast?.text === ')')
  if (last.type === 'word') return !beforeObject.has(last.text) && !(language === 'go' && previous !== undefined && wordCharacter.test(previous) && !/^(?:struct|interface)$/.test(last.text))
  return true
}

/** Of what is open, so much is looked through for what a bracket closes. */
const mostLeftOpen = 64

export function closeBracket(reading: Reading, at: number): Token {
  const { top } = reading
  const character = reading.text[at]!
  if (top !== undefined && top.closer === character) {
    reading.top = top.parent
    return reading.token('close', at, at + 1, { frame: top })
  }
  // Something inside was left open: it ends here too, unless what this closes is not open at all.
  let frame = top
  for (let steps = 0; frame !== undefined && frame.closer !== character && steps < mostLeftOpen; steps++) frame = frame.kind === 'element' || frame.kind === '${' ? undefined : frame.parent
  if (frame?.closer !== character) return reading.token('close', at, at + 1, { mismatched: true })
  reading.top = frame.parent
  return reading.token('close', at, at + 1, { frame, mismatched: true })
}
