import { nearest } from '@tenon/core'
import { characters, choice, complement, nothing, repeat, rule, sequence, text, type CharacterRange, type Expression, type Grammar } from './expression.js'
import { InvalidGrammarError } from './invalid-grammar-error.js'

/** Parentheses within one another. */
const DEPTH = 200
/** Repetitions of one thing: more states than a network may have would follow. */
const REPETITIONS = 100_000

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', '0': '\0' }
const hexLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/**
 * Reads a grammar as llama.cpp writes them (GBNF): rules `name ::= …` of "text", 'text', [a-z], [^"], ., names, ( ), |, *, +, ?,
 * {n}, {n,}, {n,m} and # comments.
 * @throws InvalidGrammarError
 */
export function parseGrammar(source: string, root: string): Grammar {
  const parser = new Parser(source)
  const rules = parser.rules()
  for (const { name, place } of parser.used) {
    if (rules.has(name)) continue
    const close = nearest(name, [...rules.keys()])
    throw parser.error(`names the rule '${name}', which it does not define`, close === undefined ? `Add a rule ${name} ::= …` : `Did you mean '${close}'?`, place)
  }
  if (!rules.has(root)) throw new InvalidGrammarError({ problem: `has no rule '${root}' to begin with`, remedy: `Add root ::= …, or pass { root: '${[...rules.keys()][0] ?? 'name'}' }` })
  return { rules, root }
}

class Parser {
  readonly #source: string
  #place = 0
  #depth = 0
  readonly used: { readonly name: string; readonly place: number }[] = []

  constructor(source: string) {
    this.#source = source
  }

  rules(): Map<string, Expression> {
    const rules = new Map<string, Expression>()
    this.#space()
    while (this.#place < this.#source.length) {
      const place = this.#place
      const name = this.#name()
      if (name === undefined) throw this.error(`has ${this.#here()} where a rule begins`, 'Write rules as name ::= …')
      this.#space()
      if (!this.#take('::=')) throw this.error(`has no ::= after the rule's name '${name}'`, 'Write rules as name ::= …')
      if (rules.has(name)) throw this.error(`defines the rule '${name}' twice`, 'Put both into one, with | between them', place)
      this.#space()
      rules.set(name, this.#alternatives())
      if (this.#place < this.#source.length && !this.#ruleBegins()) throw this.error(`has ${this.#here()}, which nothing before it leads to`, 'Check parentheses and quotes')
    }
    return rules
  }

  error(problem: string, remedy: string, place = this.#place): InvalidGrammarError {
    const before = this.#source.slice(0, place).split('\n')
    return new InvalidGrammarError({ problem, remedy, at: { line: before.length, column: before.at(-1)!.length + 1 } })
  }

  #alternatives(): Expression {
    const options = [this.#sequence()]
    while (this.#take('|')) {
      this.#space()
      options.push(this.#sequence())
    }
    return choice(...options)
  }

  #sequence(): Expression {
    const parts: Expression[] = []
    while (this.#place < this.#source.length && !'|)'.includes(this.#source[this.#place]!) && !this.#ruleBegins()) parts.push(this.#repeated(this.#item()))
    return parts.length === 0 ? nothing : sequence(...parts)
  }

  #item(): Expression {
    const place = this.#place
    const name = this.#name()
    if (name !== undefined) {
      this.used.push({ name, place })
      this.#space()
      return rule(name)
    }
    const character = this.#source[this.#place]!
    let item: Expression
    if (character === '"' || character === "'") item = this.#quoted(character)
    else if (character === '[') item = this.#class()
    else if (this.#take('.')) item = characters(...complement([]))
    else if (this.#take('(')) {
      if (++this.#depth > DEPTH) throw this.error(`has more than ${DEPTH} parentheses within one another`, 'Give the inner ones rules of their own', place)
      this.#space()
      item = this.#alternatives()
      if (!this.#take(')')) throw this.error('has a parenthesis that is not closed', 'Add )', place)
      this.#depth--
    } else throw this.error(`has ${this.#here()}, which begins nothing`, 'Put literal text in quotes')
    this.#space()
    return item
  }

  #repeated(item: Expression): Expression {
    let repeated = item
    for (;;) {
      const place = this.#place
      if (this.#take('*')) repeated = repeat(repeated, 0)
      else if (this.#take('+')) repeated = repeat(repeated, 1)
      else if (this.#take('?')) repeated = repeat(repeated, 0, 1)
      else if (this.#source[place] === '{') {
        const found = /^\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}/.exec(this.#source.slice(place, place + 64))
        if (found === null || (found[1] === '' && found[3] === '')) throw this.error('has a repetition that cannot be read', 'Write {n}, {n,}, {n,m} or {,m}')
        const least = Number(found[1])
        const most = found[2] === '' ? least : found[3] === '' ? Infinity : Number(found[3])
        if (least > most) throw this.error(`asks for ${least} to ${most} repetitions`, 'Put the smaller number first')
        if (Math.max(least, most === Infinity ? 0 : most) > REPETITIONS) throw this.error(`asks for more than ${REPETITIONS} repetitions`, 'Leave the upper bound out')
        this.#place += found[0].length
        repeated = repeat(repeated, least, most)
      } else return repeated
      this.#space()
    }
  }

  #quoted(quote: string): Expression {
    const start = this.#place++
    let content = ''
    while (this.#source[this.#place] !== quote) {
      if (this.#place >= this.#source.length || this.#source[this.#place] === '\n') throw this.error('has a text that is not closed', `Add ${quote}; a line break in it is written \\n`, start)
      content += String.fromCodePoint(this.#character())
    }
    this.#place++
    return text(content)
  }

  #class(): Expression {
    const start = this.#place++
    const negated = this.#take('^')
    const ranges: CharacterRange[] = []
    while (this.#source[this.#place] !== ']') {
      if (this.#place >= this.#source.length || this.#source[this.#place] === '\n') throw this.error('has a set of characters that is not closed', 'Add ]', start)
      const first = this.#character()
      const ranged = this.#source[this.#place] === '-' && this.#source[this.#place + 1] !== ']'
      if (ranged) this.#place++
      const last = ranged ? this.#character() : first
      if (last < first) throw this.error('has a range of characters that runs backwards', 'Put the smaller one first', start)
      ranges.push([first, last])
    }
    this.#place++
    return characters(...(negated ? complement(ranges) : ranges))
  }

  /** A character, or what an escape stands for. */
  #character(): number {
    const start = this.#place
    const point = this.#source.codePointAt(this.#place)
    if (point === undefined) throw this.error('ends in the middle', 'Close what is open')
    this.#place += point > 0xffff ? 2 : 1
    if (point >= 0xd800 && point <= 0xdfff) throw this.error('holds half a surrogate pair', 'Write whole characters', start)
    if (point !== 0x5c) return point
    const escape = this.#source[this.#place++] ?? ''
    const digits = hexLengths[escape]
    if (digits === undefined) {
      if (/[a-zA-Z0-9]/.test(escape) && escapes[escape] === undefined) throw this.error(`has the escape \\${escape}`, 'Known are \\n \\r \\t \\f \\v \\0 \\\\ \\" \\\' \\[ \\] \\- \\xHH \\uHHHH \\UHHHHHHHH', start)
      return (escapes[escape] ?? escape).codePointAt(0) ?? 0x5c
    }
    const hex = this.#source.slice(this.#place, this.#place + digits)
    const value = /^[\da-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : NaN
    if (!(value <= 0x10ffff) || (value >= 0xd800 && value <= 0xdfff)) throw this.error(`has the escape \\${escape}${hex}, which is no character`, `Give ${digits} hexadecimal digits`, start)
    this.#place += digits
    return value
  }

  #name(): string | undefined {
    const pattern = /[A-Za-z_][\w-]*/y
    pattern.lastIndex = this.#place
    const found = pattern.exec(this.#source)
    if (found === null) return undefined
    this.#place += found[0].length
    return found[0]
  }

  /** Whether a rule's name and ::= come next. */
  #ruleBegins(): boolean {
    const pattern = /[A-Za-z_][\w-]*\s*::=/y
    pattern.lastIndex = this.#place
    return pattern.test(this.#source)
  }

  #space(): void {
    const pattern = /(?:\s+|#[^\n]*)*/y
    pattern.lastIndex = this.#place
    this.#place += pattern.exec(this.#source)![0].length
  }

  #take(expected: string): boolean {
    if (!this.#source.startsWith(expected, this.#place)) return false
    this.#place += expected.length
    return true
  }

  #here(): string {
    return this.#place < this.#source.length ? `'${String.fromCodePoint(this.#source.codePointAt(this.#place)!)}'` : 'its end'
  }
}
