import type { Budget } from './budget.js'
import { bind, textArgument, wholeArgument } from './call-arguments.js'
import { failed } from './fault.js'
import { Callable, entryOf, equals, isDict, isList, itemsOf, joinedBy, points, Tuple, Undefined, type Key, type Value } from './values.js'
import { isBlank, splitWords, stripEnd, stripStart } from './white-space.js'

type Method<T> = (self: T, args: (index: number) => Value | undefined, budget: Budget) => Value

interface Signed<T> {
  readonly parameters: readonly string[]
  readonly call: Method<T>
}

const method = <T>(parameters: readonly string[], call: Method<T>): Signed<T> => ({ parameters, call })

/** A text method without arguments. */
const plain = (call: (text: string) => Value) => method<string>([], (text) => call(text))

const characters = (name: string, value: Value | undefined) => (value === undefined || value === null ? undefined : textArgument(name, value))
const strip = (name: string, call: (text: string, of?: string) => string) =>
  method<string>(['chars'], (text, arg, budget) => {
    const of = characters(name, arg(0))
    budget.spend(of?.length ?? 0)
    return call(text, of)
  })

/** `startswith` and `endswith` take a text or a tuple of them. */
const affix = (name: string, has: (text: string, affix: string) => boolean) =>
  method<string>(['prefix', 'start'], (text, arg, budget) => {
    const from = wholeArgument(name, arg(1), 0)
    const part = from === 0 ? text : text.slice(from)
    const given = arg(0)
    return (given instanceof Tuple ? given.items : [given]).some((each) => {
      const sought = textArgument(name, each)
      budget.text(sought.length)
      return has(part, sought)
    })
  })

/** Positions are counted in code points. */
const search = (name: string, find: (text: string, part: string) => number, isRequired: boolean) =>
  method<string>(['sub'], (text, arg, budget) => {
    const part = textArgument(name, arg(0))
    budget.search(text.length, part.length)
    const index = find(text, part)
    if (index === -1 && isRequired) throw failed(`looks for a text with ${name} that is not there`)
    return index === -1 ? -1 : points(text.slice(0, index), budget).length
  })

const isEvery = (pattern: RegExp) => plain((text) => pattern.test(text))

const upperFirst = (text: string) => {
  const [first = ''] = text
  return first.toUpperCase() + text.slice(first.length).toLowerCase()
}

const titled = (text: string): string => text.replace(/\p{L}+/gu, upperFirst)
export const capitalised = upperFirst

export function isUpper(text: string): boolean {
  return /\p{Lu}/u.test(text) && text === text.toUpperCase()
}

export function isLower(text: string): boolean {
  return /\p{Ll}/u.test(text) && text === text.toLowerCase()
}

/** @throws Fault for an empty separator */
function split(text: string, separator: Value | undefined, most: number, fromEnd: boolean, budget: Budget): string[] {
  const limit = most < 0 ? Infinity : most
  if (separator === undefined || separator === null) {
    if (!fromEnd || limit === Infinity) return splitWords(text, limit)
    const words = splitWords(text)
    if (words.length <= limit) return words
    let rest = stripEnd(text)
    const kept = words.slice(words.length - limit)
    for (const word of kept.toReversed()) rest = stripEnd(rest.slice(0, rest.length - word.length))
    return [rest, ...kept]
  }
  const by = textArgument('split', separator)
  if (by === '') throw failed('splits at an empty text')
  budget.search(text.length, by.length)
  const parts = text.split(by)
  if (parts.length - 1 <= limit) return parts
  return fromEnd ? [parts.slice(0, parts.length - limit).join(by), ...parts.slice(parts.length - limit)] : [...parts.slice(0, limit), parts.slice(limit).join(by)]
}

/** `replace(old, new, count)`. */
export function replaced(text: string, old: string, replacement: string, count: number, budget: Budget): string {
  budget.search(text.length, old.length)
  const found = old === '' ? text.length + 1 : text.split(old).length - 1
  const times = count < 0 ? found : Math.min(count, found)
  budget.text(text.length + times * replacement.length)
  if (times === 0) return text
  const parts = old === '' ? ['', ...Array.from(text), ''] : text.split(old)
  const kept = Math.min(times, parts.length - 1)
  return parts.slice(0, kept).join(replacement) + replacement + parts.slice(kept).join(old)
}

/** What Python's str.splitlines takes for the end of a line. */
const ENDS = String.raw`\n\r\v\f\x1c-\x1e\x85\u2028\u2029`
const LINE = new RegExp(`[^${ENDS}]*(?:\\r\\n|[${ENDS}]|$)`, 'g')
const LINE_END = new RegExp(`(?:\\r\\n|[${ENDS}])$`)

const texts: Readonly<Record<string, Signed<string>>> = {
  upper: plain((text) => text.toUpperCase()),
  lower: plain((text) => text.toLowerCase()),
  casefold: plain((text) => text.toLowerCase()),
  capitalize: plain(capitalised),
  title: plain(titled),
  swapcase: plain((text) => Array.from(text, (point) => (point === point.toUpperCase() ? point.toLowerCase() : point.toUpperCase())).join('')),
  strip: strip('strip', (text, of) => stripEnd(stripStart(text, of), of)),
  lstrip: strip('lstrip', stripStart),
  rstrip: strip('rstrip', stripEnd),
  split: method(['sep', 'maxsplit'], (text, arg, budget) => split(text, arg(0), wholeArgument('split', arg(1), -1), false, budget)),
  rsplit: method(['sep', 'maxsplit'], (text, arg, budget) => split(text, arg(0), wholeArgument('rsplit', arg(1), -1), true, budget)),
  splitlines: method(['keepends'], (text, arg) => {
    const lines = text.match(LINE)?.filter((line) => line !== '') ?? []
    return arg(0) === true ? lines : lines.map((line) => line.replace(LINE_END, ''))
  }),
  partition: method(['sep'], (text, arg, budget) => {
    const by = textArgument('partition', arg(0))
    budget.search(text.length, by.length)
    const index = text.indexOf(by)
    return new Tuple(index === -1 ? [text, '', ''] : [text.slice(0, index), by, text.slice(index + by.length)])
  }),
  rpartition: method(['sep'], (text, arg, budget) => {
    const by = textArgument('rpartition', arg(0))
    budget.search(text.length, by.length)
    const index = text.lastIndexOf(by)
    return new Tuple(index === -1 ? ['', '', text] : [text.slice(0, index), by, text.slice(index + by.length)])
  }),
  replace: method(['old', 'new', 'count'], (text, arg, budget) => replaced(text, textArgument('replace', arg(0)), textArgument('replace', arg(1)), wholeArgument('replace', arg(2), -1), budget)),
  startswith: affix('startswith', (text, part) => text.startsWith(part)),
  endswith: affix('endswith', (text, part) => text.endsWith(part)),
  removeprefix: method(['prefix'], (text, arg) => {
    const prefix = textArgument('removeprefix', arg(0))
    return text.startsWith(prefix) ? text.slice(prefix.length) : text
  }),
  removesuffix: method(['suffix'], (text, arg) => {
    const suffix = textArgument('removesuffix', arg(0))
    return text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text
  }),
  find: search('find', (text, part) => text.indexOf(part), false),
  rfind: search('rfind', (text, part) => text.lastIndexOf(part), false),
  index: search('index', (text, part) => text.indexOf(part), true),
  rindex: search('rindex', (text, part) => text.lastIndexOf(part), true),
  count: method(['sub'], (text, arg, budget) => {
    const part = textArgument('count', arg(0))
    budget.search(text.length, part.length)
    return part === '' ? points(text, budget).length + 1 : text.split(part).length - 1
  }),
  join: method(['iterable'], (text, arg, budget) => joinedBy(itemsOf(arg(0) ?? [], budget).map((item) => textArgument('join', item)), text, budget)),
  isdigit: isEvery(/^\p{Nd}+$/u),
  isnumeric: isEvery(/^\p{N}+$/u),
  isdecimal: isEvery(/^\p{Nd}+$/u),
  isalpha: isEvery(/^\p{L}+$/u),
  isalnum: isEvery(/^[\p{L}\p{N}]+$/u),
  isspace: plain(isBlank),
  isupper: plain(isUpper),
  islower: plain(isLower),
  zfill: method(['width'], (text, arg, budget) => {
    const width = wholeArgument('zfill', arg(0))
    budget.text(width)
    const [, sign, digits] = /^([+-]?)([^]*)$/.exec(text)!
    return sign! + digits!.padStart(width - sign!.length, '0')
  }),
  ljust: method(['width', 'fillchar'], (text, arg, budget) => padded('ljust', text, arg, budget)),
  rjust: method(['width', 'fillchar'], (text, arg, budget) => padded('rjust', text, arg, budget)),
  center: method(['width', 'fillchar'], (text, arg, budget) => padded('center', text, arg, budget)),
}

function padded(name: 'ljust' | 'rjust' | 'center', text: string, arg: (index: number) => Value | undefined, budget: Budget): string {
  const [width, fill] = [wholeArgument(name, arg(0)), textArgument(name, arg(1), ' ')]
  if (points(fill, budget).length !== 1) throw failed(`calls ${name} with other than one character to fill with`)
  return pad(name, text, width, fill, budget)
}

export function pad(name: 'ljust' | 'rjust' | 'center', text: string, width: number, fill: string, budget: Budget): string {
  const missing = width - points(text, budget).length
  if (missing <= 0) return text
  budget.text(width)
  // Python puts the odd one on the left where both the width and what is missing are odd.
  const left = name === 'ljust' ? 0 : name === 'rjust' ? missing : Math.floor(missing / 2) + (missing & width & 1)
  return fill.repeat(left) + text + fill.repeat(missing - left)
}

const lists: Readonly<Record<string, Signed<readonly Value[]>>> = {
  index: method(['value'], (list, arg, budget) => {
    const index = list.findIndex((item) => equals(item, arg(0) ?? null, budget))
    if (index === -1) throw failed('looks for the index of something that is not in a list')
    return index
  }),
  count: method(['value'], (list, arg, budget) => list.filter((item) => equals(item, arg(0) ?? null, budget)).length),
  copy: method([], (list) => list),
}

const dicts: Readonly<Record<string, Signed<ReadonlyMap<Key, Value>>>> = {
  get: method(['key', 'default'], (dict, arg, budget) => {
    const entry = entryOf(dict, arg(0) ?? null, budget)
    return entry === undefined ? (arg(1) ?? null) : entry
  }),
  items: method([], (dict, _, budget) => {
    budget.spend(dict.size)
    return [...dict].map((entry) => new Tuple(entry))
  }),
  keys: method([], (dict, _, budget) => itemsOf(dict, budget)),
  values: method([], (dict, _, budget) => {
    budget.spend(dict.size)
    return [...dict.values()]
  }),
  copy: method([], (dict) => dict),
}

/** What would change the value that it is called on, which templates may not. */
const CHANGING = new Set(['append', 'clear', 'pop', 'popitem', 'remove', 'reverse', 'insert', 'sort', 'extend', 'update', 'setdefault'])

/** `value.name` where it is a method of Python's; a dict's methods come before its entries. */
export function methodOf(value: Value, name: string, budget: Budget): Callable | undefined {
  const [self, table, type] = typeof value === 'string' ? [value, texts, 'str'] : isList(value) ? [value, lists, 'list'] : value instanceof Tuple ? [value.items, lists, 'tuple'] : value !== null && isDict(value) ? [value, dicts, 'dict'] : [undefined, {}, '']
  if (self === undefined || value instanceof Undefined) return undefined
  if (typeof value !== 'string' && CHANGING.has(name) && !(value instanceof Tuple)) throw failed(`calls ${name} of a ${type}, which would change it. Templates may not`)
  const found = Object.hasOwn(table, name) ? (table[name as keyof typeof table] as Signed<never>) : undefined
  if (found === undefined) return undefined
  return new Callable(name, (positional, named) => {
    if (typeof self === 'string') budget.text(self.length)
    else budget.spend(1 + (name === 'get' ? 0 : lengthIn(self)))
    const bound = bind(name, found.parameters, positional, named)
    const result = found.call(self as never, (index) => bound[index], budget)
    if (isList(result)) budget.spend(result.length)
    return result
  })
}

const lengthIn = (self: readonly Value[] | ReadonlyMap<Key, Value>): number => ('size' in self ? self.size : self.length)
