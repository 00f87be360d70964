import { failed } from './fault.js'
import type { Value } from './values.js'

/**
 * The arguments of a call in the order of these names; `undefined` where one was not given.
 * @throws Fault for too many, and for names that are not known.
 */
export function bind(name: string, parameters: readonly string[], positional: readonly Value[], named: ReadonlyMap<string, Value>): (Value | undefined)[] {
  if (positional.length > parameters.length) throw failed(`calls ${name} with ${positional.length} arguments, of which it takes ${parameters.length}`)
  const bound: (Value | undefined)[] = parameters.map((_, index) => positional[index])
  for (const [key, value] of named) {
    const index = parameters.indexOf(key)
    if (index === -1) throw failed(`calls ${name} with '${key}', which it does not take`)
    if (bound[index] !== undefined) throw failed(`calls ${name} with '${key}' twice`)
    bound[index] = value
  }
  return bound
}

export function textArgument(name: string, value: Value | undefined, otherwise?: string): string {
  if (typeof value === 'string') return value
  if (value === undefined && otherwise !== undefined) return otherwise
  throw failed(`calls ${name} with something other than a text`)
}

export function wholeArgument(name: string, value: Value | undefined, otherwise?: number): number {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value)
  if (value === undefined && otherwise !== undefined) return otherwise
  throw failed(`calls ${name} with something other than a whole number`)
}
