import type { Budget } from './budget.js'
import { bind, textArgument, wholeArgument } from './call-arguments.js'
import { failed } from './fault.js'
import { toJson } from './json.js'
import { capitalised, pad, replaced } from './methods.js'
import { formatted } from './operators.js'
import { compare, equals, Float, isDict, isNumber, isTrue, itemsOf, joinedBy, lengthOf, numberOf, numeric, present, print, Tuple, typeOf, Undefined, type Key, type Value } from './values.js'
import { stripEnd, stripStart } from './white-space.js'

/** What filters need of the interpreter. */
export interface Tools {
  readonly budget: Budget
  /** `value.name`, where a name with points goes further in. At each of them, `otherwise` stands for what is not there. */
  attribute(value: Value, name: Value, otherwise?: Value): Value
  filter(name: string, value: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>): Value
  test(name: string, value: Value, positional: readonly Value[]): boolean
}

export type Filter = (value: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>, tools: Tools) => Value

type Bound = (value: Value, args: (index: number) => Value | undefined, tools: Tools) => Value

/** A filter with these parameters. */
const filter = (name: string, parameters: readonly string[], call: Bound): [string, Filter] => [
  name,
  (value, positional, named, tools) => {
    const bound = bind(`the filter ${name}`, parameters, positional, named)
    return call(value, (index) => bound[index], tools)
  },
]

/** A filter of a text without parameters. */
const ofText = (name: string, call: (text: string) => Value) =>
  filter(name, [], (value, _, { budget }) => {
    const text = print(value, budget)
    budget.text(text.length)
    return call(text)
  })

const ESCAPED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

const firstOf = (items: readonly Value[], which: string): Value => (items.length === 0 ? new Undefined(`takes the ${which} item of an empty list`) : items[0]!)

const yes = (value: Value | undefined) => value !== undefined && isTrue(value)

/** What items are sorted, grouped and told apart by: themselves or an attribute, without case unless asked. */
function keyBy({ attribute, budget }: Tools, name: Value | undefined, caseSensitive: boolean): (item: Value) => Value {
  const fold = (key: Value) => {
    if (typeof key !== 'string' || caseSensitive) return key
    budget.text(key.length)
    return key.toLowerCase()
  }
  if (name === undefined || name === null) return fold
  if (typeof name === 'string') budget.text(name.length)
  const names = typeof name === 'string' ? name.split(',') : [name]
  return (item) => {
    budget.spend(names.length)
    return names.length === 1 ? fold(attribute(item, names[0]!)) : new Tuple(names.map((each) => fold(attribute(item, each))))
  }
}

/** Sorted as Python does: what is equal keeps its order. */
function sorted<T>(items: readonly T[], key: (item: T) => Value, reverse: boolean, budget: Budget): T[] {
  budget.spend(items.length * (1 + Math.log2(items.length + 1)))
  return items.toSorted((one, other) => (reverse ? -1 : 1) * compare(key(one), key(other), budget))
}

function extreme(name: string, sign: number) {
  return filter(name, ['case_sensitive', 'attribute'], (value, arg, tools) => {
    const key = keyBy(tools, arg(1), yes(arg(0)))
    let best: Value | undefined
    const items = itemsOf(value, tools.budget)
    tools.budget.spend(items.length)
    for (const item of items) if (best === undefined || sign * compare(key(item), key(best), tools.budget) > 0) best = item
    return firstOf(best === undefined ? [] : [best], name)
  })
}

/** `select`, `reject` and the same by an attribute: what passes a test, or is true where none is named. */
function choosing(name: string, keeps: boolean, byAttribute: boolean): [string, Filter] {
  return [
    name,
    (value, positional, _, tools) => {
      const [attribute, args] = byAttribute ? [positional[0], positional.slice(1)] : [undefined, positional]
      if (byAttribute && attribute === undefined) throw failed(`calls the filter ${name} without an attribute`)
      const [test, ...rest] = args
      return itemsOf(value, tools.budget).filter((item) => {
        tools.budget.spend(1)
        const subject = attribute === undefined ? item : tools.attribute(item, attribute)
        return (test === undefined ? isTrue(subject) : tools.test(textArgument(`the filter ${name}`, test), subject, rest)) === keeps
      })
    },
  ]
}

function asNumber(value: Value, budget: Budget): number | undefined {
  if (isNumber(value)) return numberOf(value)
  if (typeof value !== 'string') return undefined
  budget.text(value.length)
  const text = stripEnd(stripStart(value))
  return /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** Jinja's own filters, but for those that make HTML. */
export const filters: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  filter('abs', [], (value) => {
    if (!isNumber(value)) throw failed(`takes the amount of a value of the type ${typeOf(value)}`)
    return numeric(Math.abs(numberOf(value)), value instanceof Float)
  }),
  filter('attr', ['name'], (value, arg, { attribute }) => attribute(value, arg(0) ?? null)),
  filter('batch', ['linecount', 'fill_with'], (value, arg, { budget }) => {
    const size = wholeArgument('batch', arg(0))
    if (size < 1) throw failed('makes batches of less than one item')
    const items = itemsOf(value, budget)
    budget.spend(items.length)
    const batches: Value[][] = []
    for (let at = 0; at < items.length; at += size) batches.push(items.slice(at, at + size))
    const fill = arg(1)
    const last = batches.at(-1)
    if (fill !== undefined && fill !== null && last !== undefined) {
      budget.spend(size)
      while (last.length < size) last.push(fill)
    }
    return batches
  }),
  ofText('capitalize', capitalised),
  filter('center', ['width'], (value, arg, { budget }) => pad('center', print(value, budget), wholeArgument('center', arg(0), 80), ' ', budget)),
  filter('count', [], (value, _, { budget }) => lengthOf(value, budget)),
  filter('length', [], (value, _, { budget }) => lengthOf(value, budget)),
  filter('d', ['default_value', 'boolean'], (value, arg) => (value instanceof Undefined || (yes(arg(1)) && !isTrue(value)) ? (arg(0) === undefined ? '' : arg(0)!) : value)),
  filter('default', ['default_value', 'boolean'], (value, arg) => (value instanceof Undefined || (yes(arg(1)) && !isTrue(value)) ? (arg(0) === undefined ? '' : arg(0)!) : value)),
  filter('dictsort', ['case_sensitive', 'by', 'reverse'], (value, arg, tools) => {
    if (value === null || !isDict(value)) throw failed(`sorts the entries of a value of the type ${typeOf(present(value))}`)
    const by = textArgument('dictsort', arg(1), 'key')
    if (by !== 'key' && by !== 'value') throw failed(`sorts entries by '${by}'`)
    const key = keyBy(tools, undefined, yes(arg(0)))
    return sorted([...value], ([name, item]) => key(by === 'key' ? name : item), yes(arg(2)), tools.budget).map((entry) => new Tuple(entry))
  }),
  ofText('e', (text) => text.replace(/[&<>"']/g, (character) => ESCAPED[character]!)),
  ofText('escape', (text) => text.replace(/[&<>"']/g, (character) => ESCAPED[character]!)),
  filter('first', [], (value, _, { budget }) => firstOf(itemsOf(value, budget), 'first')),
  filter('last', [], (value, _, { budget }) => firstOf(itemsOf(value, budget).slice(-1), 'last')),
  filter('float', ['default'], (value, arg, { budget }) => {
    const number = asNumber(present(value), budget)
    return number === undefined ? (arg(0) === undefined ? new Float(0) : arg(0)!) : new Float(number)
  }),
  filter('int', ['default', 'base'], (value, arg, { budget }) => {
    const base = wholeArgument('int', arg(1), 10)
    if (base !== 10 && typeof value === 'string') {
      budget.text(value.length)
      const number = Number.parseInt(value, base)
      return Number.isNaN(number) ? (arg(0) === undefined ? 0 : arg(0)!) : number
    }
    const number = asNumber(present(value), budget)
    return number === undefined || !Number.isFinite(number) ? (arg(0) === undefined ? 0 : arg(0)!) : Math.trunc(number)
  }),
  ['format', (value, positional, _, { budget }) => formatted(print(value, budget), positional, budget)],
  filter('groupby', ['attribute', 'default', 'case_sensitive'], (value, arg, tools) => {
    const key = keyBy(tools, arg(0), yes(arg(2)))
    const keyOf = (item: Value) => {
      const found = key(item)
      return found instanceof Undefined ? (arg(1) === undefined ? found : arg(1)!) : found
    }
    const groups: { key: Value; items: Value[] }[] = []
    for (const item of sorted(itemsOf(value, tools.budget), keyOf, false, tools.budget)) {
      const last = groups.at(-1)
      if (last !== undefined && equals(last.key, keyOf(item), tools.budget)) last.items.push(item)
      else groups.push({ key: keyOf(item), items: [item] })
    }
    return groups.map(({ key: grouper, items }) => new Tuple([grouper, items]))
  }),
  filter('indent', ['width', 'first', 'blank'], (value, arg, { budget }) => {
    const text = print(value, budget)
    const width = arg(0)
    const size = typeof width === 'string' ? width.length : wholeArgument('indent', width, 4)
    const lines = text.split('\n')
    budget.text(text.length + size * lines.length)
    const by = typeof width === 'string' ? width : ' '.repeat(Math.max(0, size))
    return lines.map((line, index) => ((index === 0 ? yes(arg(1)) : true) && (line !== '' || yes(arg(2))) ? by + line : line)).join('\n')
  }),
  filter('items', [], (value, _, { budget }) => {
    if (value instanceof Undefined) return []
    if (value === null || !isDict(value)) throw failed(`takes the entries of a value of the type ${typeOf(value)}`)
    budget.spend(value.size)
    return [...value].map((entry) => new Tuple(entry))
  }),
  filter('join', ['d', 'attribute'], (value, arg, tools) => {
    const items = itemsOf(value, tools.budget)
    const attribute = arg(1)
    const texts = items.map((item) => print(attribute === undefined || attribute === null ? item : tools.attribute(item, attribute), tools.budget))
    return joinedBy(texts, print(arg(0) ?? '', tools.budget), tools.budget)
  }),
  filter('list', [], (value, _, { budget }) => {
    const items = itemsOf(value, budget)
    budget.spend(items.length)
    return [...items]
  }),
  ofText('lower', (text) => text.toLowerCase()),
  ofText('upper', (text) => text.toUpperCase()),
  ofText('title', (text) => text.replace(/[^-\s({[<]+/g, capitalised)),
  [
    'map',
    (value, positional, named, tools) => {
      const items = itemsOf(value, tools.budget)
      const attribute = named.get('attribute')
      const [name, ...args] = positional
      if (name === undefined && attribute === undefined) throw failed('calls the filter map without an attribute or a filter')
      return items.map((item) => {
        tools.budget.spend(1)
        if (name !== undefined) return tools.filter(textArgument('the filter map', name), item, args, named)
        return tools.attribute(item, attribute!, named.get('default'))
      })
    },
  ],
  extreme('max', 1),
  extreme('min', -1),
  choosing('select', true, false),
  choosing('reject', false, false),
  choosing('selectattr', true, true),
  choosing('rejectattr', false, true),
  filter('replace', ['old', 'new', 'count'], (value, arg, { budget }) => {
    const count = arg(2)
    return replaced(print(value, budget), print(arg(0) ?? '', budget), print(arg(1) ?? '', budget), count === null ? -1 : wholeArgument('replace', count, -1), budget)
  }),
  filter('reverse', [], (value, _, { budget }) => {
    const items = itemsOf(value, budget)
    budget.spend(items.length)
    return typeof value === 'string' ? items.toReversed().join('') : items.toReversed()
  }),
  filter('round', ['precision', 'method'], (value, arg) => {
    const of = present(value)
    if (!isNumber(of)) throw failed(`rounds a value of the type ${typeOf(of)}`)
    const number = numberOf(of)
    const scale = 10 ** wholeArgument('round', arg(0), 0)
    const how = textArgument('round', arg(1), 'common')
    if (how !== 'common' && how !== 'ceil' && how !== 'floor') throw failed(`rounds by the method '${how}'`)
    const scaled = number * scale
    const low = Math.floor(scaled)
    // Python rounds a half to the even side.
    const common = scaled - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(scaled)
    return new Float((how === 'common' ? common : how === 'ceil' ? Math.ceil(scaled) : low) / scale)
  }),
  filter('safe', [], (value, _, { budget }) => print(value, budget)),
  filter('string', [], (value, _, { budget }) => print(value, budget)),
  filter('slice', ['slices', 'fill_with'], (value, arg, { budget }) => {
    const slices = wholeArgument('slice', arg(0))
    if (slices < 1) throw failed('makes less than one slice')
    const items = itemsOf(value, budget)
    budget.spend(items.length + slices)
    const size = Math.floor(items.length / slices)
    const longer = items.length % slices
    const fill = arg(1)
    return Array.from({ length: slices }, (_each, index) => {
      const from = index * size + Math.min(index, longer)
      const part = items.slice(from, from + size + (index < longer ? 1 : 0))
      return fill !== undefined && fill !== null && longer > 0 && index >= longer ? [...part, fill] : part
    })
  }),
  filter('sort', ['reverse', 'case_sensitive', 'attribute'], (value, arg, tools) => sorted(itemsOf(value, tools.budget), keyBy(tools, arg(2), yes(arg(1))), yes(arg(0)), tools.budget)),
  filter('sum', ['attribute', 'start'], (value, arg, tools) => {
    const attribute = arg(0)
    const items = itemsOf(value, tools.budget)
    tools.budget.spend(items.length)
    const numbers = items.map((item) => (attribute === undefined || attribute === null ? item : tools.attribute(item, attribute)))
    const all = [arg(1) ?? 0, ...numbers]
    if (!all.every((each) => isNumber(each))) throw failed('sums values that are no numbers')
    return numeric(all.reduce<number>((sum, each) => sum + numberOf(each as number), 0), all.some((each) => each instanceof Float))
  }),
  [
    'tojson',
    (value, positional, named, { budget }) => {
      const [isAscii, indent, separators, isSorted] = bind('the filter tojson', ['ensure_ascii', 'indent', 'separators', 'sort_keys'], positional, named)
      const pair = separators === undefined || separators === null ? undefined : itemsOf(separators, budget).map((each) => textArgument('the filter tojson', each))
      if (pair !== undefined && pair.length !== 2) throw failed('writes JSON with other than two separators')
      const width = indent === undefined || indent === null ? undefined : typeof indent === 'string' ? indent : wholeArgument('the filter tojson', indent)
      if (typeof width === 'number') budget.text(width)
      const style = { isAscii: yes(isAscii), isSorted: yes(isSorted), separators: pair as [string, string] | undefined, indent: typeof width === 'number' ? ' '.repeat(Math.max(0, width)) : width }
      return toJson(value, style, budget)
    },
  ],
  filter('trim', ['chars'], (value, arg, { budget }) => {
    const text = print(value, budget)
    budget.text(text.length)
    const of = arg(0) === undefined || arg(0) === null ? undefined : textArgument('trim', arg(0))
    budget.spend(of?.length ?? 0)
    return stripEnd(stripStart(text, of), of)
  }),
  filter('truncate', ['length', 'killwords', 'end', 'leeway'], (value, arg, { budget }) => {
    const points = itemsOf(print(value, budget), budget) as readonly string[]
    const [length, end, leeway] = [wholeArgument('truncate', arg(0), 255), textArgument('truncate', arg(2), '...'), wholeArgument('truncate', arg(3), 5)]
    if (points.length <= length + leeway) return points.join('')
    const cut = points.slice(0, Math.max(0, length - end.length)).join('')
    return (yes(arg(1)) || !cut.includes(' ') ? cut : cut.slice(0, cut.lastIndexOf(' '))) + end
  }),
  filter('unique', ['case_sensitive', 'attribute'], (value, arg, tools) => {
    const key = keyBy(tools, arg(1), yes(arg(0)))
    const kept: { item: Value; key: Value }[] = []
    const known = new Set<Key>()
    for (const item of itemsOf(value, tools.budget)) {
      tools.budget.spend(1)
      const of = key(item)
      const isPlain = of === null || typeof of !== 'object'
      if (isPlain ? known.has(of) : kept.some((each) => equals(each.key, of, tools.budget))) continue
      if (isPlain) known.add(of)
      kept.push({ item, key: of })
    }
    return kept.map(({ item }) => item)
  }),
  ofText('wordcount', (text) => text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  filter('pprint', [], (value, _, { budget }) => print(value, budget)),
])
