import type { Budget } from './budget.js'
import { failed } from './fault.js'

/** Python's values, as far as templates meet them. Whole numbers are numbers; those with a point are Floats. */
export type Value = null | boolean | number | string | Float | Undefined | Tuple | Namespace | Callable | readonly Value[] | ReadonlyMap<Key, Value>

export type Key = string | number | boolean | null

export class Float {
  constructor(readonly value: number) {}
}

/** What is not there: may be tested and printed, and says what it is when it is used. */
export class Undefined {
  constructor(readonly what: string) {}
}

export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

/** What `{% set namespace.name = … %}` may change from within loops. */
export class Namespace {
  constructor(readonly entries: Map<string, Value>) {}
}

export type Call = (positional: readonly Value[], named: ReadonlyMap<string, Value>) => Value

/** A function, a method or a macro; a loop is one, too, that has members. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: Call,
    readonly members: ReadonlyMap<string, Value> = new Map(),
  ) {}
}

/** What is there may be null, Python's None. */
export const orElse = <T>(value: Value | undefined, otherwise: () => T): Value | T => (value === undefined ? otherwise() : value)

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)
export const isDict = (value: Value): value is ReadonlyMap<Key, Value> => value instanceof Map
export const isNumber = (value: Value): value is boolean | number | Float => typeof value === 'number' || typeof value === 'boolean' || value instanceof Float
export const numberOf = (value: boolean | number | Float): number => (value instanceof Float ? value.value : Number(value))

/** A number as Python has it: with a point where one of those that made it has one. */
export const numeric = (value: number, isFloat: boolean): Value => (isFloat ? new Float(value) : value)

/** As Python names its types. */
export function typeOf(value: Value): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return 'int'
  if (value instanceof Float) return 'float'
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Tuple) return 'tuple'
  if (value instanceof Namespace) return 'Namespace'
  if (value instanceof Callable) return 'function'
  return isList(value) ? 'list' : 'dict'
}

export function isTrue(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false
  if (isNumber(value)) return numberOf(value) !== 0
  if (typeof value === 'string') return value !== ''
  if (value instanceof Tuple) return value.items.length > 0
  if (isList(value)) return value.length > 0
  return isDict(value) ? value.size > 0 : true
}

/** @throws Fault where the value is not there. */
export function present<T extends Value>(value: T): Exclude<T, Undefined> {
  if (value instanceof Undefined) throw failed(value.what)
  return value as Exclude<T, Undefined>
}

/** Python counts code points. Strings without surrogates stay as they are. */
export const points = (text: string, budget: Budget): string | readonly string[] => {
  budget.text(text.length)
  if (!/[\ud800-\udfff]/.test(text)) return text
  budget.spend(text.length)
  return Array.from(text)
}

/** What a loop goes over. */
export function itemsOf(value: Value, budget: Budget): readonly Value[] {
  if (value instanceof Undefined) return []
  if (isList(value)) return value
  if (value instanceof Tuple) return value.items
  if (isDict(value)) {
    budget.spend(value.size)
    return [...value.keys()]
  }
  if (typeof value === 'string') {
    budget.spend(value.length)
    return Array.from(value)
  }
  throw failed(`goes over a value of the type ${typeOf(value)}`)
}

/** What a key leads to. A text that was put together is read as a whole to be looked up. */
export function entryOf(dict: ReadonlyMap<Key, Value>, key: Value, budget: Budget): Value | undefined {
  if (typeof key === 'string') budget.text(key.length)
  return dict.get(key as Key)
}

export function lengthOf(value: Value, budget: Budget): number {
  if (value instanceof Undefined) return 0
  if (typeof value === 'string') return points(value, budget).length
  if (isList(value)) return value.length
  if (value instanceof Tuple) return value.items.length
  if (isDict(value)) return value.size
  throw failed(`asks for the length of a value of the type ${typeOf(value)}`)
}

export function equals(left: Value, right: Value, budget: Budget): boolean {
  budget.enter()
  const result = isEqual(left, right, budget)
  budget.leave()
  return result
}

function isEqual(left: Value, right: Value, budget: Budget): boolean {
  if (left === right) return true
  if (isNumber(left) && isNumber(right)) return numberOf(left) === numberOf(right)
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length !== right.length) return false
    budget.text(left.length)
    return left === right
  }
  if (left instanceof Undefined) return right instanceof Undefined
  const lists = isList(left) && isList(right) ? [left, right] : left instanceof Tuple && right instanceof Tuple ? [left.items, right.items] : undefined
  if (lists !== undefined) return lists[0]!.length === lists[1]!.length && lists[0]!.every((item, index) => equals(item, lists[1]![index]!, budget))
  if (left !== null && right !== null && isDict(left) && isDict(right)) {
    if (left.size !== right.size) return false
    budget.spend(left.size)
    return [...left].every(([key, item]) => right.has(key) && equals(item, right.get(key)!, budget))
  }
  return false
}

/** Below 0 where the left one is less. */
export function compare(left: Value, right: Value, budget: Budget): number {
  if (isNumber(left) && isNumber(right)) return numberOf(left) - numberOf(right)
  if (typeof left === 'string' && typeof right === 'string') {
    budget.text(Math.min(left.length, right.length))
    return left < right ? -1 : left > right ? 1 : 0
  }
  const lists = isList(left) && isList(right) ? [left, right] : left instanceof Tuple && right instanceof Tuple ? [left.items, right.items] : undefined
  if (lists !== undefined) {
    for (const [index, item] of lists[0]!.entries()) {
      const other = lists[1]![index]
      if (other === undefined) return 1
      if (equals(item, other, budget)) continue
      budget.enter()
      const order = compare(item, other, budget)
      budget.leave()
      return order
    }
    return lists[0]!.length - lists[1]!.length
  }
  throw failed(`compares a value of the type ${typeOf(present(left))} with one of the type ${typeOf(present(right))}`)
}

/** Python's str(). */
export function print(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value
  return value instanceof Undefined ? '' : represent(value, budget)
}

/** Python's repr(). */
export function represent(value: Value, budget: Budget): string {
  budget.enter()
  const text = representation(value, budget)
  budget.leave()
  return text
}

function representation(value: Value, budget: Budget): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return wholeText(value)
  if (typeof value === 'string') return quoted(value, budget)
  if (value instanceof Float) return floatText(value.value)
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Callable || value instanceof Namespace) return `<${value instanceof Callable ? `function ${value.name}` : 'Namespace'}>`
  const list = isList(value) ? value : value instanceof Tuple ? value.items : undefined
  if (list !== undefined) {
    const items = joinedBy(list.map((item) => represent(item, budget)), ', ', budget)
    return isList(value) ? `[${items}]` : `(${items}${list.length === 1 ? ',' : ''})`
  }
  return `{${joinedBy([...(value as ReadonlyMap<Key, Value>)].map(([key, item]) => `${represent(key, budget)}: ${represent(item, budget)}`), ', ', budget)}}`
}

export function joinedBy(texts: readonly string[], separator: string, budget: Budget): string {
  budget.spend(texts.length)
  budget.text(texts.reduce((sum, { length }) => sum + length, 0) + separator.length * Math.max(0, texts.length - 1))
  return texts.join(separator)
}

/** With the quotes that need no backslash, as Python chooses them. */
function quoted(text: string, budget: Budget): string {
  budget.text(text.length * 2)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  // oxlint-disable-next-line no-control-regex -- it is control characters that are escaped
  const escaped = text.replace(/[\\\n\r\t\u0000-\u001f\u007f-\u00a0\u00ad]|['"]/g, (character) => {
    if (character === quote || character === '\\') return `\\${character}`
    if (character === "'" || character === '"') return character
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character]
    return short ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  return quote + escaped + quote
}

const wholeText = (value: number): string => (Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString())

export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/** Levels of lists and objects in what is passed to a template. */
export const DEEPEST_DATA = 100

/** Whether it is an object of JSON's, and no instance of a class. */
export function isRecord(data: unknown): data is Readonly<Record<string, unknown>> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return false
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/**
 * Data for a template: JSON's types are taken over, and what else there is becomes a word for it, as transformers does.
 * @param taken What was taken over before: it may stand in the data many times.
 * @throws Fault where it is nested too deep.
 */
export function fromData(data: unknown, depth = 0, taken = new Map<object, Value>()): Value {
  if (depth > DEEPEST_DATA) throw failed(`is given data that nests deeper than ${DEEPEST_DATA} levels`)
  if (data === null || data === undefined) return null
  if (typeof data === 'string' || typeof data === 'boolean') return data
  if (typeof data === 'number') return numeric(data, !Number.isInteger(data))
  if (typeof data === 'bigint') return Number(data)
  if (typeof data !== 'object') return `<${typeof data}>`
  const known = taken.get(data)
  if (known !== undefined) return known
  const isList = Array.isArray(data)
  if (!isList && !isRecord(data)) return `<${data.constructor.name}>`
  const value: Value = isList ? data.map((item) => fromData(item, depth + 1, taken)) : new Map(Object.entries(data).filter(([, part]) => part !== undefined).map(([key, part]) => [key, fromData(part, depth + 1, taken)]))
  taken.set(data, value)
  return value
}
