import type { Budget } from './budget.js'
import { keyOf } from './entries.js'
import { methodOf } from './methods.js'
import { Callable, isDict, isList, itemsOf, Namespace, orElse, points, present, print, Tuple, typeOf, Undefined, type Value } from './values.js'

/** `value.name`: a method, or else an entry. */
export function memberOf(value: Value, name: string, budget: Budget): Value {
  present(value)
  const none = () => missing(value, name)
  if (value instanceof Callable) return orElse(value.members.get(name), none)
  if (value instanceof Namespace) return orElse(value.entries.get(name), none)
  return methodOf(value, name, budget) ?? orElse(value !== null && isDict(value) ? value.get(name) : undefined, none)
}

/** `value[key]`: an item, or else a method. */
export function itemAt(value: Value, key: Value, budget: Budget): Value {
  present(value)
  if (typeof key === 'string') budget.text(key.length)
  if (typeof key === 'number' || typeof key === 'boolean') {
    const index = Number(key)
    if (typeof value === 'string') return points(value, budget).at(index) ?? missing(value, index)
    if (isList(value) || value instanceof Tuple) return orElse(itemsOf(value, budget).at(index), () => missing(value, index))
  }
  if (value !== null && isDict(value)) {
    const entry = value.get(keyOf(key, budget))
    if (entry !== undefined) return entry
  }
  return typeof key === 'string' ? memberOf(value, key, budget) : missing(value, print(key, budget))
}

/** What filters take for an attribute: an index, or names with points between them. */
export function attributeOf(value: Value, path: Value, otherwise: Value | undefined, budget: Budget): Value {
  if (typeof path === 'string') budget.text(path.length)
  const names = typeof path === 'string' ? path.split('.').map((name) => (/^\d+$/.test(name) ? Number(name) : name)) : [path]
  return names.reduce<Value>((of, name) => {
    budget.spend(1)
    const found = itemAt(of, name, budget)
    return found instanceof Undefined && otherwise !== undefined ? otherwise : found
  }, value)
}

const missing = (value: Value, name: string | number) => new Undefined(`uses '${name}' of a value of the type ${typeOf(value)}, which does not have it`)
