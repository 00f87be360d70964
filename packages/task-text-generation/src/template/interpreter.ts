import { attributeOf, itemAt, memberOf } from './access.js'
import type { Budget } from './budget.js'
import { entriesOf, keyOf } from './entries.js'
import { failed, Fault } from './fault.js'
import { filters, type Tools } from './filters.js'
import { globals } from './globals.js'
import { loopVariable, type Loop } from './loop-variable.js'
import type { Arguments, Body, Expression, Filters, Parameter, Statement, Target } from './nodes.js'
import { binary, contains, slice } from './operators.js'
import { Output } from './output.js'
import { Scope } from './scope.js'
import { tests } from './tests.js'
import { Callable, compare, equals, Float, isNumber, isTrue, itemsOf, joinedBy, Namespace, numberOf, numeric, orElse, present, print, Tuple, typeOf, Undefined, type Value } from './values.js'

type Left = 'break' | 'continue' | undefined

const NONE: ReadonlyMap<string, Value> = new Map()

/** Runs one template once. */
export class Interpreter {
  readonly #budget: Budget
  readonly #globals = new Scope()
  readonly #tools: Tools
  /** The line that is being run. */
  line = 1

  constructor(variables: ReadonlyMap<string, Value>, budget: Budget, now: () => Date) {
    this.#budget = budget
    for (const callable of globals(budget, now)) this.#globals.set(callable.name, callable)
    for (const [name, value] of variables) this.#globals.set(name, value)
    this.#tools = {
      budget,
      attribute: (value, name, otherwise) => attributeOf(value, name, otherwise, budget),
      filter: (name, value, positional, named) => this.#filter(name, value, positional, named),
      test: (name, value, positional) => this.#test(name, value, positional),
    }
  }

  run(body: Body): string {
    return this.#text(body, new Scope(this.#globals))
  }

  #text(body: Body, scope: Scope): string {
    const output = new Output(this.#budget)
    this.#run(body, scope, output)
    return output.text
  }

  #run(body: Body, scope: Scope, output: Output): Left {
    this.#budget.enter()
    for (const statement of body) {
      this.line = statement.line
      this.#budget.spend(1)
      const left = this.#statement(statement, scope, output)
      if (left !== undefined) {
        this.#budget.leave()
        return left
      }
    }
    this.#budget.leave()
    return undefined
  }

  #statement(statement: Statement, scope: Scope, output: Output): Left {
    switch (statement.kind) {
      case 'data':
        output.add(statement.text)
        return undefined
      case 'print':
        output.add(print(this.#evaluate(statement.value, scope), this.#budget))
        return undefined
      case 'if':
        return this.#run(isTrue(this.#evaluate(statement.test, scope)) ? statement.body : statement.otherwise, scope, output)
      case 'for':
        this.#loop(statement, this.#evaluate(statement.items, scope), scope, output, 0)
        return undefined
      case 'set':
        this.#assign(statement.target, this.#evaluate(statement.value, scope), scope)
        return undefined
      case 'set block':
        this.#assign(statement.target, this.#filterText(statement.filters, this.#text(statement.body, new Scope(scope)), scope), scope)
        return undefined
      case 'filter block':
        output.add(print(this.#filterText(statement.filters, this.#text(statement.body, new Scope(scope)), scope), this.#budget))
        return undefined
      case 'with': {
        const inner = new Scope(scope)
        for (const [target, value] of statement.targets) this.#assign(target, this.#evaluate(value, scope), inner)
        return this.#run(statement.body, inner, output)
      }
      case 'macro':
        scope.set(statement.name, this.#macro(statement.name, statement.parameters, statement.body, scope))
        return undefined
      case 'call block': {
        const { callee, args } = statement.call
        const [positional, named] = this.#arguments(args, scope)
        const caller = this.#macro('caller', statement.parameters, statement.body, scope)
        output.add(print(this.#call(this.#evaluate(callee, scope), positional, new Map([...named, ['caller', caller]])), this.#budget))
        return undefined
      }
      case 'generation':
        output.add(this.#text(statement.body, new Scope(scope)))
        return undefined
      default:
        return statement.kind
    }
  }

  #loop(statement: Extract<Statement, { kind: 'for' }>, over: Value, scope: Scope, output: Output, depth: number): void {
    const all = itemsOf(over, this.#budget)
    const { test, target, body, line } = statement
    const items =
      test === undefined
        ? all
        : all.filter((item) => {
            const inner = new Scope(scope)
            this.#assign(target, item, inner)
            return isTrue(this.#evaluate(test, inner))
          })
    const loop: Loop = { items, depth, again: ([further = null]) => this.#again(statement, further, scope, depth), changed: undefined }
    for (const [index, item] of items.entries()) {
      this.#budget.spend(1)
      this.line = line
      const inner = new Scope(scope)
      this.#assign(target, item, inner)
      inner.set('loop', loopVariable(loop, index, this.#budget))
      if (this.#run(body, inner, output) === 'break') return
    }
    if (items.length === 0) this.#run(statement.otherwise, new Scope(scope), output)
  }

  #again(statement: Extract<Statement, { kind: 'for' }>, items: Value, scope: Scope, depth: number): Value {
    if (!statement.isRecursive) throw failed('calls a loop that is not recursive')
    this.#budget.enter()
    const output = new Output(this.#budget)
    this.#loop(statement, items, scope, output, depth + 1)
    this.#budget.leave()
    return output.text
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') scope.set(target.name, value)
    else if (target.kind === 'attribute') {
      const namespace = scope.get(target.namespace)
      if (!(namespace instanceof Namespace)) throw failed(`assigns to ${target.namespace}.${target.name}, and ${target.namespace} is no namespace`)
      if (target.name.startsWith('_')) throw failed(`assigns to ${target.namespace}.${target.name}: names in a namespace may not begin with _`)
      namespace.entries.set(target.name, value)
    } else {
      const items = itemsOf(present(value), this.#budget)
      if (items.length !== target.items.length) throw failed(`assigns ${items.length} values to ${target.items.length} names`)
      for (const [index, each] of target.items.entries()) this.#assign(each, items[index]!, scope)
    }
  }

  #macro(name: string, parameters: readonly Parameter[], body: Body, defined: Scope): Callable {
    return new Callable(name, (positional, named) => {
      const scope = new Scope(defined)
      const rest = new Map(named)
      const caller = rest.get('caller')
      rest.delete('caller')
      if (caller !== undefined) scope.set('caller', caller)
      for (const [index, parameter] of parameters.entries()) {
        const given = orElse(positional[index], () => rest.get(parameter.name))
        if (positional[index] !== undefined && rest.has(parameter.name)) throw failed(`calls the macro ${name} with '${parameter.name}' twice`)
        rest.delete(parameter.name)
        scope.set(parameter.name, orElse(given, () => (parameter.value === undefined ? new Undefined(`uses '${parameter.name}' of the macro ${name}, which was not passed`) : this.#evaluate(parameter.value, scope))))
      }
      scope.set('varargs', new Tuple(positional.slice(parameters.length)))
      scope.set('kwargs', rest)
      return this.#text(body, scope)
    }, new Map([['name', name]]))
  }

  #filterText(applied: Filters, text: string, scope: Scope): Value {
    let value: Value = text
    for (const { name, args } of applied) value = this.#filter(name, value, ...this.#arguments(args, scope))
    return value
  }

  #arguments({ positional, named, rest, namedRest }: Arguments, scope: Scope): [Value[], ReadonlyMap<string, Value>] {
    const values = positional.map((each) => this.#evaluate(each, scope))
    if (rest !== undefined) {
      const more = itemsOf(present(this.#evaluate(rest, scope)), this.#budget)
      this.#budget.spend(more.length)
      for (const value of more) values.push(value)
    }
    if (named.length === 0 && namedRest === undefined) return [values, NONE]
    const entries = new Map<string, Value>(named.map(([name, value]) => [name, this.#evaluate(value, scope)]))
    if (namedRest !== undefined) for (const [key, value] of entriesOf(this.#evaluate(namedRest, scope), this.#budget)) entries.set(String(key), value)
    return [values, entries]
  }

  #evaluate(node: Expression, scope: Scope): Value {
    this.#budget.enter()
    this.line = node.line
    const value = this.#value(node, scope)
    this.#budget.leave()
    return value
  }

  #value(node: Expression, scope: Scope): Value {
    switch (node.kind) {
      case 'constant':
        return node.isFloat ? new Float(node.value as number) : node.value
      case 'name':
        return orElse(scope.get(node.name), () => new Undefined(`uses '${node.name}', which is undefined`))
      case 'list':
        return node.items.map((item) => this.#evaluate(item, scope))
      case 'tuple':
        return new Tuple(node.items.map((item) => this.#evaluate(item, scope)))
      case 'dict':
        return new Map(node.items.map(([key, value]) => [keyOf(this.#evaluate(key, scope), this.#budget), this.#evaluate(value, scope)]))
      case 'member':
        return memberOf(this.#evaluate(node.of, scope), node.name, this.#budget)
      case 'item':
        return itemAt(this.#evaluate(node.of, scope), this.#evaluate(node.key, scope), this.#budget)
      case 'slice': {
        const of = this.#evaluate(node.of, scope)
        return slice(of, [node.start, node.stop, node.step].map((each) => each && this.#evaluate(each, scope)), this.#budget)
      }
      case 'call': {
        const callee = this.#evaluate(node.callee, scope)
        return this.#call(callee, ...this.#arguments(node.args, scope))
      }
      case 'filter': {
        const of = this.#evaluate(node.of, scope)
        return this.#filter(node.name, of, ...this.#arguments(node.args, scope))
      }
      case 'test': {
        const of = this.#evaluate(node.of, scope)
        return this.#test(node.name, of, this.#arguments(node.args, scope)[0])
      }
      case 'not':
        return !isTrue(this.#evaluate(node.of, scope))
      case 'negative':
      case 'positive': {
        const of = present(this.#evaluate(node.of, scope))
        if (!isNumber(of)) throw failed(`puts a sign before a value of the type ${typeOf(of)}`)
        return numeric(node.kind === 'negative' ? -numberOf(of) : numberOf(of), of instanceof Float)
      }
      case 'and': {
        const left = this.#evaluate(node.left, scope)
        return isTrue(left) ? this.#evaluate(node.right, scope) : left
      }
      case 'or': {
        const left = this.#evaluate(node.left, scope)
        return isTrue(left) ? left : this.#evaluate(node.right, scope)
      }
      case 'binary': {
        const left = this.#evaluate(node.left, scope)
        return binary(node.operator, left, this.#evaluate(node.right, scope), this.#budget)
      }
      case 'concat':
        return joinedBy(node.items.map((item) => print(this.#evaluate(item, scope), this.#budget)), '', this.#budget)
      case 'compare':
        return this.#compare(node, scope)
      case 'condition': {
        if (isTrue(this.#evaluate(node.test, scope))) return this.#evaluate(node.chosen, scope)
        return node.otherwise === undefined ? new Undefined('uses an inline if that is false and has no else') : this.#evaluate(node.otherwise, scope)
      }
    }
  }

  #compare({ first, others }: Extract<Expression, { kind: 'compare' }>, scope: Scope): boolean {
    let left = this.#evaluate(first, scope)
    for (const [operator, operand] of others) {
      const right = this.#evaluate(operand, scope)
      if (!this.#holds(operator, left, right)) return false
      left = right
    }
    return true
  }

  #holds(operator: string, left: Value, right: Value): boolean {
    if (operator === '==') return equals(left, right, this.#budget)
    if (operator === '!=') return !equals(left, right, this.#budget)
    if (operator === 'in') return contains(right, left, this.#budget)
    if (operator === 'not in') return !contains(right, left, this.#budget)
    const order = compare(left, right, this.#budget)
    return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0
  }

  #call(callee: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>): Value {
    if (callee instanceof Callable) return callee.call(positional, named)
    throw callee instanceof Undefined ? failed(callee.what) : failed(`calls a value of the type ${typeOf(callee)}`)
  }

  #filter(name: string, value: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>): Value {
    const filter = filters.get(name)
    if (filter === undefined) throw new Fault('syntax', `has the unknown filter '${name}'`)
    this.#budget.enter()
    const result = filter(value, positional, named, this.#tools)
    this.#budget.leave()
    return result
  }

  #test(name: string, value: Value, positional: readonly Value[]): boolean {
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined
    if (test !== undefined) return test(value, positional[0] ?? null, this.#budget)
    if (name === 'filter') return typeof value === 'string' && filters.has(value)
    if (name === 'test') return typeof value === 'string' && Object.hasOwn(tests, value)
    throw new Fault('syntax', `has the unknown test '${name}'`)
  }
}
