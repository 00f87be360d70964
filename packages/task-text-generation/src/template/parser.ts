import { Fault } from './fault.js'
import { tokenise, type Token } from './lexer.js'
import type { Arguments, Body, Expression, Filters, Parameter, Statement, Target } from './nodes.js'

/** A template that is ready to be rendered. */
export interface Program {
  readonly body: Body
  /** Every text that stands in the template, between its tags and in its strings. */
  readonly literals: readonly string[]
}

/** Brackets and blocks within one another. The largest templates there are have about 20. */
const DEEPEST = 100

const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>='])
const NO_ARGUMENTS: Arguments = { positional: [], named: [] }

/**
 * Reads the language of Jinja as chat templates use it: all of its expressions, and its statements but for those that
 * reach other files or another template (import, include, extends, block).
 * @throws Fault
 */
export function parse(template: string): Program {
  const tokens = tokenise(template)
  const literals: string[] = []
  let at = 0
  let depth = 0
  let loops = 0

  const current = () => tokens[at]!
  const next = () => tokens[at++]!
  const isOperator = (value: string, { type, value: actual } = current()) => type === 'operator' && actual === value
  const isName = (value: string, token: Token | undefined = current()) => token?.type === 'name' && token.value === value
  const unexpected = ({ type, value, line } = current()) => new Fault('syntax', `has an unexpected ${value === '' ? (type === 'end' ? 'end' : `'${{ block: '{%', 'block end': '%}', print: '{{', 'print end': '}}' }[type as string] ?? type}'`) : `'${value}'`}`, line)
  const skip = (value: string): boolean => isOperator(value) && next() !== undefined
  const skipName = (value: string): boolean => isName(value) && next() !== undefined
  const expect = (value: string) => {
    if (!skip(value)) throw unexpected()
  }
  const expectName = (value?: string): Token => {
    if (current().type !== 'name' || (value !== undefined && current().value !== value)) throw unexpected()
    return next()
  }
  const endBlock = () => {
    if (next().type !== 'block end') throw unexpected(tokens[at - 1])
  }
  function nested<T>(read: () => T): T {
    if (++depth > DEEPEST) throw new Fault('syntax', `nests deeper than ${DEEPEST} levels`, current().line)
    const result = read()
    depth--
    return result
  }

  const program = { body: body([]), literals }
  if (current().type !== 'end') throw unexpected()
  return program

  /** Statements up to one of these tags, of which the name is read. */
  function body(ends: readonly string[]): Statement[] {
    return nested(() => {
      const statements: Statement[] = []
      for (;;) {
        const { type, value, line } = current()
        if (type === 'end') {
          if (ends.length > 0) throw new Fault('syntax', `ends before its {% ${ends.at(-1)} %}`, line)
          return statements
        }
        next()
        if (type === 'data') {
          literals.push(value)
          statements.push({ kind: 'data', line, text: value })
        } else if (type === 'print') {
          statements.push({ kind: 'print', line, value: tuple() })
          if (next().type !== 'print end') throw unexpected(tokens[at - 1])
        } else if (ends.includes(current().value) && current().type === 'name') return statements
        else statements.push(statement())
      }
    })
  }

  /** A body and the tag that ends it. */
  function bodyTo(end: string): Statement[] {
    const statements = body([end])
    next()
    endBlock()
    return statements
  }

  function statement(): Statement {
    const { value: tag, line, type } = next()
    if (type !== 'name') throw unexpected(tokens[at - 1])
    switch (tag) {
      case 'for': {
        const to = target(['in'])
        expectName('in')
        const items = tuple({ condition: false, ends: ['recursive'] })
        const test = skipName('if') ? expression() : undefined
        const isRecursive = skipName('recursive')
        endBlock()
        loops++
        const inner = body(['else', 'endfor'])
        loops--
        const hasElse = next().value === 'else'
        endBlock()
        return { kind: 'for', line, target: to, items, test, isRecursive, body: inner, otherwise: hasElse ? bodyTo('endfor') : [] }
      }
      case 'if':
        return condition(line)
      case 'set': {
        const to = target([], true)
        if (skip('=')) {
          const value = tuple()
          endBlock()
          return { kind: 'set', line, target: to, value }
        }
        const applied = filters()
        endBlock()
        return { kind: 'set block', line, target: to, filters: applied, body: outsideLoops(() => bodyTo('endset')) }
      }
      case 'filter': {
        at-- // a filter block begins with the filter's name, as if a bar stood before it
        tokens[at] = { type: 'operator', value: '|', line }
        const applied = filters()
        endBlock()
        return { kind: 'filter block', line, filters: applied, body: outsideLoops(() => bodyTo('endfilter')) }
      }
      case 'with': {
        const targets: [Target, Expression][] = []
        while (current().type !== 'block end') {
          if (targets.length > 0) expect(',')
          const to = target()
          expect('=')
          targets.push([to, expression()])
        }
        endBlock()
        return { kind: 'with', line, targets, body: bodyTo('endwith') }
      }
      case 'macro': {
        const { value: name } = expectName()
        const parameters = signature()
        endBlock()
        return { kind: 'macro', line, name, parameters, body: outsideLoops(() => bodyTo('endmacro')) }
      }
      case 'call': {
        const parameters = isOperator('(') ? signature() : []
        const call = expression()
        if (call.kind !== 'call') throw new Fault('syntax', 'has a {% call %} that calls nothing', line)
        endBlock()
        return { kind: 'call block', line, call, parameters, body: outsideLoops(() => bodyTo('endcall')) }
      }
      case 'generation':
        endBlock()
        return { kind: 'generation', line, body: outsideLoops(() => bodyTo('endgeneration')) }
      case 'break':
      case 'continue':
        if (loops === 0) throw new Fault('syntax', `has a {% ${tag} %} outside of a loop`, line)
        endBlock()
        return { kind: tag, line }
      default:
        throw new Fault('syntax', `has the unknown tag '${tag}'`, line)
    }
  }

  function outsideLoops<T>(read: () => T): T {
    const around = loops
    loops = 0
    const result = read()
    loops = around
    return result
  }

  function condition(line: number): Statement {
    const test = tuple({ condition: false })
    endBlock()
    const inner = body(['elif', 'else', 'endif'])
    const end = next()
    if (end.value === 'elif') return { kind: 'if', line, test, body: inner, otherwise: [nested(() => condition(end.line))] }
    endBlock()
    return { kind: 'if', line, test, body: inner, otherwise: end.value === 'else' ? bodyTo('endif') : [] }
  }

  function signature(): Parameter[] {
    const parameters: Parameter[] = []
    expect('(')
    while (!isOperator(')')) {
      if (parameters.length > 0) expect(',')
      const { value: name, line } = expectName()
      const value = skip('=') ? expression() : undefined
      if (value === undefined && parameters.at(-1)?.value !== undefined) throw new Fault('syntax', `has a parameter '${name}' without a default behind one that has one`, line)
      parameters.push({ name, value })
    }
    expect(')')
    return parameters
  }

  function target(ends: readonly string[] = [], attributes = false): Target {
    const { line } = current()
    const items: Target[] = []
    let several = false
    do {
      if (items.length > 0 && (isOperator('=') || ends.some((end) => isName(end)))) break // a last comma
      items.push(oneTarget(attributes))
      several ||= isOperator(',')
    } while (skip(','))
    return several ? { kind: 'targets', line, items } : items[0]!
  }

  function oneTarget(attributes: boolean): Target {
    const { line } = current()
    if (skip('(')) {
      const inner = nested(() => target([], attributes))
      expect(')')
      return inner
    }
    const { value: name } = expectName()
    if (['true', 'false', 'none', 'True', 'False', 'None'].includes(name)) throw new Fault('syntax', `assigns to ${name}`, line)
    return attributes && skip('.') ? { kind: 'attribute', line, namespace: name, name: expectName().value } : { kind: 'name', line, name }
  }

  /** One expression, or several with commas between them. */
  function tuple({ condition: conditions = true, ends = [] as readonly string[], isBracketed = false } = {}): Expression {
    const { line } = current()
    const items: Expression[] = []
    let several = false
    const isEnd = () => current().type === 'block end' || current().type === 'print end' || isOperator(')') || ends.some((end) => isName(end))
    for (;;) {
      if (isEnd()) break
      items.push(conditions ? expression() : or())
      if (!skip(',')) break
      several = true
    }
    if (!several && items.length === 1) return items[0]!
    if (items.length === 0 && !isBracketed) throw unexpected()
    return { kind: 'tuple', line, items }
  }

  function expression(): Expression {
    return nested(() => {
      const { line } = current()
      let value = or()
      while (skipName('if')) {
        const test = or()
        value = { kind: 'condition', line, test, chosen: value, otherwise: skipName('else') ? expression() : undefined }
      }
      return value
    })
  }

  function or(): Expression {
    const { line } = current()
    let left = and()
    while (skipName('or')) left = { kind: 'or', line, left, right: and() }
    return left
  }

  function and(): Expression {
    const { line } = current()
    let left = not()
    while (skipName('and')) left = { kind: 'and', line, left, right: not() }
    return left
  }

  function not(): Expression {
    const { line } = current()
    return skipName('not') ? { kind: 'not', line, of: nested(not) } : comparison()
  }

  function comparison(): Expression {
    const { line } = current()
    const first = sum()
    const others: [string, Expression][] = []
    for (;;) {
      if (current().type === 'operator' && COMPARISONS.has(current().value)) others.push([next().value, sum()])
      else if (skipName('in')) others.push(['in', sum()])
      else if (isName('not') && isName('in', tokens[at + 1])) {
        at += 2
        others.push(['not in', sum()])
      } else return others.length === 0 ? first : { kind: 'compare', line, first, others }
    }
  }

  /** Operators of one rank, from left to right. */
  function ranked(operators: readonly string[], operand: () => Expression): Expression {
    const { line } = current()
    let left = operand()
    while (current().type === 'operator' && operators.includes(current().value)) left = { kind: 'binary', line, operator: next().value, left, right: operand() }
    return left
  }

  function sum(): Expression {
    return ranked(['+', '-'], concatenation)
  }

  function concatenation(): Expression {
    const { line } = current()
    const items = [product()]
    while (skip('~')) items.push(product())
    return items.length === 1 ? items[0]! : { kind: 'concat', line, items }
  }

  function product(): Expression {
    return ranked(['*', '/', '//', '%'], power)
  }

  function power(): Expression {
    return ranked(['**'], unary)
  }

  function unary(): Expression {
    return filtered(signed())
  }

  function signed(): Expression {
    const { line } = current()
    const sign = isOperator('-') ? 'negative' : isOperator('+') ? 'positive' : undefined
    if (sign === undefined) return members(primary())
    next()
    return members({ kind: sign, line, of: nested(signed) })
  }

  function primary(): Expression {
    const { type, value, line } = next()
    if (type === 'name') {
      if (value === 'true' || value === 'True' || value === 'false' || value === 'False') return { kind: 'constant', line, value: value.toLowerCase() === 'true' }
      if (value === 'none' || value === 'None') return { kind: 'constant', line, value: null }
      return { kind: 'name', line, name: value }
    }
    if (type === 'string') {
      let text = value
      while (current().type === 'string') text += next().value
      literals.push(text)
      return { kind: 'constant', line, value: text }
    }
    if (type === 'integer' || type === 'float') return { kind: 'constant', line, value: Number(value), ...(type === 'float' && { isFloat: true }) }
    if (type === 'operator' && value === '(') {
      const inner = nested(() => tuple({ isBracketed: true }))
      expect(')')
      return inner
    }
    if (type === 'operator' && value === '[') return { kind: 'list', line, items: nested(() => series(']', expression)) }
    if (type === 'operator' && value === '{') {
      const pair = (): [Expression, Expression] => {
        const key = expression()
        expect(':')
        return [key, expression()]
      }
      return { kind: 'dict', line, items: nested(() => series('}', pair)) }
    }
    throw unexpected(tokens[at - 1])
  }

  /** What stands up to a closing bracket, with commas between. */
  function series<T>(end: string, read: () => T): T[] {
    const items: T[] = []
    while (!isOperator(end)) {
      if (items.length > 0) {
        expect(',')
        if (isOperator(end)) break
      }
      items.push(read())
    }
    expect(end)
    return items
  }

  function members(of: Expression): Expression {
    let value = of
    for (;;) {
      const { line } = current()
      if (skip('.')) {
        const { type, value: name } = next()
        if (type === 'name') value = { kind: 'member', line, of: value, name }
        else if (type === 'integer') value = { kind: 'item', line, of: value, key: { kind: 'constant', line, value: Number(name) } }
        else throw unexpected(tokens[at - 1])
      } else if (skip('[')) value = subscript(value, line)
      else if (isOperator('(')) value = { kind: 'call', line, callee: value, args: callArguments() }
      else return value
    }
  }

  function subscript(of: Expression, line: number): Expression {
    return nested(() => {
      const parts: (Expression | undefined)[] = []
      const part = () => (isOperator(':') || isOperator(']') ? undefined : expression())
      parts.push(part())
      while (skip(':') && parts.length < 3) parts.push(part())
      if (parts.length === 1 && isOperator(',')) {
        next()
        const items = [parts[0]!, ...series(']', expression)]
        return { kind: 'item', line, of, key: { kind: 'tuple', line, items } }
      }
      if (parts.length === 1 && parts[0] === undefined) throw unexpected()
      expect(']')
      return parts.length === 1 ? { kind: 'item', line, of, key: parts[0]! } : { kind: 'slice', line, of, start: parts[0], stop: parts[1], step: parts[2] }
    })
  }

  function callArguments(): Arguments {
    return nested(() => {
      expect('(')
      const positional: Expression[] = []
      const named: [string, Expression][] = []
      let rest: Expression | undefined
      let namedRest: Expression | undefined
      let first = true
      while (!isOperator(')')) {
        if (!first) expect(',')
        if (isOperator(')')) break
        first = false
        if (namedRest !== undefined) throw unexpected()
        if (skip('**')) namedRest = expression()
        else if (skip('*') && rest === undefined) rest = expression()
        else if (current().type === 'name' && isOperator('=', tokens[at + 1])) {
          const { value: name } = next()
          next()
          named.push([name, expression()])
        } else if (rest !== undefined || named.length > 0) throw unexpected()
        else positional.push(expression())
      }
      expect(')')
      return { positional, named, rest, namedRest }
    })
  }

  /** Filters and tests behind a value, from left to right. */
  function filtered(of: Expression): Expression {
    let value = of
    for (;;) {
      const { line } = current()
      if (isOperator('|')) for (const { name, line: at, args } of filters()) value = { kind: 'filter', line: at, name, of: value, args }
      else if (skipName('is')) {
        const negated = skipName('not')
        const test: Expression = { kind: 'test', line, name: dottedName(), of: value, args: testArguments() }
        value = negated ? { kind: 'not', line, of: test } : test
      } else if (isOperator('(')) value = { kind: 'call', line, callee: value, args: callArguments() }
      else return value
    }
  }

  function filters(): Filters {
    const applied: { name: string; line: number; args: Arguments }[] = []
    while (isOperator('|')) {
      const { line } = next()
      applied.push({ name: dottedName(), line, args: isOperator('(') ? callArguments() : NO_ARGUMENTS })
    }
    return applied
  }

  function dottedName(): string {
    let name = expectName().value
    while (skip('.')) name += `.${expectName().value}`
    return name
  }

  /** A test takes one argument without brackets, too: `is divisibleby 3`. */
  function testArguments(): Arguments {
    const { type, value } = current()
    if (isOperator('(')) return callArguments()
    const begins = type === 'string' || type === 'integer' || type === 'float' || (type === 'operator' && (value === '[' || value === '{')) || (type === 'name' && !['else', 'or', 'and', 'is'].includes(value))
    // jinja2 takes any name here for an argument; `if` in `x is defined if y` is none to a reader, and no variable can be called so.
    if (!begins || (type === 'name' && (value === 'if' || value === 'not' || value === 'in'))) return NO_ARGUMENTS
    return { positional: [members(primary())], named: [] }
  }
}
