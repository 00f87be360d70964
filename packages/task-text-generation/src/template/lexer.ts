import { Fault } from './fault.js'
import { stripEnd } from './white-space.js'

export interface Token {
  readonly type: 'data' | 'name' | 'string' | 'integer' | 'float' | 'operator' | 'block' | 'block end' | 'print' | 'print end' | 'end'
  readonly value: string
  readonly line: number
}

const OPERATORS = ['**', '//', '==', '!=', '<=', '>=', '+', '-', '*', '/', '%', '~', '(', ')', '[', ']', '{', '}', '<', '>', '=', '.', ':', '|', ',', ';']
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

const raw = /\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})/y
const endRaw = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g
const endOfComment = /\+#\}|-#\}\s*|#\}\n?/g
const endOfBlock = /\+%\}|-%\}\s*|%\}\n?/y
const endOfPrint = /-\}\}\s*|\}\}/y
const whiteSpace = /\s+/y
const float = /\d+(?:_\d+)*(?:\.\d+(?:_\d+)*(?:e[+-]?\d+)?|e[+-]?\d+)/iy
const integer = /\d+(?:_\d+)*/y
const name = /[\p{L}_][\p{L}\p{N}_]*/uy
const text = /'([^'\\]*(?:\\[^][^'\\]*)*)'|"([^"\\]*(?:\\[^][^"\\]*)*)"/y

/**
 * The tokens of a template, read as transformers has jinja2 read it: the first line break after a block is dropped
 * (trim_blocks), white space before a block that begins a line is (lstrip_blocks), and so is one line break at the end.
 * @throws Fault
 */
export function tokenise(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '')
  const tokens: Token[] = []
  let position = 0
  let line = 1
  let lineBegins = true

  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position
    return pattern.exec(source) ?? undefined
  }
  /** Goes behind what was matched, and keeps count of lines. */
  const take = (end: number) => {
    for (let index = position; index < end; index++) if (source.charCodeAt(index) === 10) line++
    lineBegins = source[end - 1] === '\n'
    position = end
  }
  const push = (type: Token['type'], value: string) => void tokens.push({ type, value, line })
  const data = (before: string, sign: string, isPrint: boolean) => {
    const begin = before.lastIndexOf('\n') + 1
    const blank = /^\s*$/.test(before.slice(begin))
    const kept = sign === '-' ? stripEnd(before) : sign !== '+' && !isPrint && blank && (begin > 0 || lineBegins) ? before.slice(0, begin) : before
    if (kept !== '') push('data', kept)
  }

  while (position < source.length) {
    const at = nextTag(source, position)
    if (at === -1) {
      push('data', source.slice(position))
      break
    }
    const sign = /[-+]/.test(source[at + 2] ?? '') ? source[at + 2]! : ''
    data(source.slice(position, at), sign, source[at + 1] === '{')
    take(at)
    const begun = line
    if (source[at + 1] === '#') {
      position += 2
      endOfComment.lastIndex = position + sign.length
      const end = endOfComment.exec(source)
      if (end === null) throw new Fault('syntax', 'has a comment without its end', begun)
      take(endOfComment.lastIndex)
      continue
    }
    if (source[at + 1] === '%' && match(raw) !== undefined) {
      take(raw.lastIndex)
      endRaw.lastIndex = position
      const end = endRaw.exec(source)
      if (end === null) throw new Fault('syntax', 'has a {% raw %} without its {% endraw %}', begun)
      data(source.slice(position, end.index), end[1]!, false)
      take(endRaw.lastIndex)
      continue
    }
    const isPrint = source[at + 1] === '{'
    push(isPrint ? 'print' : 'block', '')
    position += 2 + sign.length
    inside(isPrint)
  }
  push('end', '')
  return tokens

  /** What stands between the braces of one tag. */
  function inside(isPrint: boolean): void {
    const open: string[] = []
    const begun = line
    for (;;) {
      if (match(whiteSpace) !== undefined) take(whiteSpace.lastIndex)
      if (position >= source.length) throw new Fault('syntax', `has a ${isPrint ? '{{' : '{%'} without its end`, begun)
      const end = isPrint ? endOfPrint : endOfBlock
      if (open.length === 0 && match(end) !== undefined) {
        push(isPrint ? 'print end' : 'block end', '')
        return take(end.lastIndex)
      }
      const isMember = tokens.at(-1)?.value === '.' && tokens.at(-1)?.type === 'operator' // a.0.1 is no float
      const literal = ([['float', float], ['integer', integer], ['name', name], ['string', text]] as const).find(([type, pattern]) => !(type === 'float' && isMember) && match(pattern) !== undefined)
      if (literal !== undefined) {
        const [type, pattern] = literal
        const found = match(pattern)!
        push(type, type === 'string' ? unescape(found[1] ?? found[2]!) : type === 'name' ? found[0] : found[0].replaceAll('_', ''))
        take(pattern.lastIndex)
        continue
      }
      const operator = OPERATORS.find((each) => source.startsWith(each, position))
      if (operator === undefined) throw new Fault('syntax', `has an unexpected character '${String.fromCodePoint(source.codePointAt(position)!)}'`, line)
      const closing = CLOSING[operator]
      if (closing !== undefined) open.push(closing)
      else if (/[)\]}]/.test(operator) && open.pop() !== operator) throw new Fault('syntax', `has an unexpected '${operator}'`, line)
      push('operator', operator)
      take(position + operator.length)
    }
  }
}

/** Where the next `{%`, `{{` or `{#` is, or -1. */
function nextTag(source: string, from: number): number {
  for (let at = source.indexOf('{', from); at !== -1; at = source.indexOf('{', at + 1)) if (/[%{#]/.test(source[at + 1] ?? '')) return at
  return -1
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\u0007', '\\': '\\', "'": "'", '"': '"', '\n': '' }

/** As in Python's literals: what is no escape keeps its backslash. */
function unescape(literal: string): string {
  return literal.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([0-7]{1,3})|([^]))/gi, (all, x?: string, u?: string, long?: string, octal?: string, other?: string) => {
    const hex = x ?? u ?? long
    if (hex !== undefined) return Number.parseInt(hex, 16) > 0x10ffff ? all : String.fromCodePoint(Number.parseInt(hex, 16))
    return octal === undefined ? (ESCAPES[other!] ?? all) : String.fromCodePoint(Number.parseInt(octal, 8))
  })
}
