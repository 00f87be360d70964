import type { Budget } from './budget.js'
import { failed } from './fault.js'
import { Float, floatText, isDict, isList, isNumber, joinedBy, Tuple, typeOf, Undefined, type Key, type Value } from './values.js'

export interface JsonStyle {
  readonly isAscii: boolean
  /** What a level is indented by; `undefined` for one line. */
  readonly indent: string | undefined
  readonly separators: readonly [item: string, key: string] | undefined
  readonly isSorted: boolean
}

/** Python's json.dumps, which is what transformers has for `tojson`: nothing is escaped for HTML. */
export function toJson(value: Value, style: JsonStyle, budget: Budget, level = 0): string {
  budget.enter()
  const text = written(value, style, budget, level)
  budget.leave()
  return text
}

function written(value: Value, style: JsonStyle, budget: Budget, level: number): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return quoted(value, style, budget)
  if (isNumber(value)) return value instanceof Float ? floatOf(value.value) : String(value)
  if (value instanceof Undefined) throw failed(`${value.what}, and is to be written as JSON`)
  const [itemSeparator, keySeparator] = style.separators ?? [style.indent === undefined ? ', ' : ',', ': ']
  const around = (items: readonly string[], [open, close]: readonly [string, string]) => {
    if (items.length === 0) return open + close
    if (style.indent === undefined) return open + joinedBy(items, itemSeparator, budget) + close
    budget.text(style.indent.length * (level + 1))
    const line = `\n${style.indent.repeat(level + 1)}`
    return open + line + joinedBy(items, itemSeparator + line, budget) + `\n${style.indent.repeat(level)}` + close
  }
  const list = isList(value) ? value : value instanceof Tuple ? value.items : undefined
  if (list !== undefined) return around(list.map((item) => toJson(item, style, budget, level + 1)), ['[', ']'])
  if (!isDict(value)) throw failed(`writes a value of the type ${typeOf(value)} as JSON`)
  const entries = style.isSorted ? [...value].sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)) : [...value]
  return around(entries.map(([key, item]) => quoted(keyText(key), style, budget) + keySeparator + toJson(item, style, budget, level + 1)), ['{', '}'])
}

const keyText = (key: Key): string => (typeof key === 'string' ? key : JSON.stringify(key))

const floatOf = (value: number): string => (Number.isFinite(value) ? floatText(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity')

function quoted(text: string, { isAscii }: JsonStyle, budget: Budget): string {
  budget.text(text.length * (isAscii ? 6 : 2))
  const json = JSON.stringify(text)
  return isAscii ? json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : json
}
