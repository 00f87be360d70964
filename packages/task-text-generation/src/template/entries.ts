import type { Budget } from './budget.js'
import { failed } from './fault.js'
import { Float, isDict, itemsOf, present, typeOf, type Key, type Value } from './values.js'

export function keyOf(value: Value, budget: Budget): Key {
  if (typeof value === 'string') budget.text(value.length)
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (value instanceof Float) return value.value
  throw failed(`takes a value of the type ${typeOf(present(value))} for the key of an entry`)
}

/** The entries of a dict, or of pairs. */
export function entriesOf(value: Value | undefined, budget: Budget): [Key, Value][] {
  if (value === undefined) return []
  if (value !== null && isDict(value)) {
    budget.spend(value.size)
    return [...value]
  }
  return itemsOf(present(value), budget).map((pair) => {
    const [key, item, ...rest] = itemsOf(pair, budget)
    if (key === undefined || item === undefined || rest.length > 0) throw failed('takes something other than pairs for entries')
    return [keyOf(key, budget), item]
  })
}
