import { kindOf } from '@tenon/core'
import { UnsupportedSchemaError } from './unsupported-schema-error.js'

/** Far beyond what a schema may nest, and far below what the stack holds. */
const DEPTH = 500
/** Far beyond what anybody lists: an object that makes up its parts as they are asked for has no end. */
const PARTS = 1_000_000

/**
 * A schema as JSON would hold it: what JSON cannot hold would be lost in it, or fail where it is written down. What is left out
 * (`undefined`) may stand in objects, as it does for `JSON.stringify`. It is a copy, and each part is read once: getters and proxies
 * may say something else the next time, and whoever passed it may change it.
 * @throws UnsupportedSchemaError
 */
export function readJson(schema: unknown): unknown {
  const above = new Set<object>()
  const copies = new Map<object, unknown>() // a part that is named many times is read once
  let parts = 0
  const read = (value: unknown, path: string): unknown => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
    if (typeof value !== 'object') throw refused(path, `is ${typeof value === 'number' ? String(value) : kindOf(value)}, which no JSON holds`)
    if (copies.has(value)) return copies.get(value)
    if (above.has(value)) throw refused(path, 'leads back to itself', 'Put it under $defs, and name it with $ref')
    if (above.size === DEPTH) throw refused(path, `lies more than ${DEPTH} levels deep`, 'Name parts of it with $ref')
    const { isList, isOther, count } = attempt(path, () => ({ isList: Array.isArray(value), isOther: typeof (value as { readonly toJSON?: unknown }).toJSON === 'function', count: Array.isArray(value) ? value.length : Object.keys(value).length }))
    if (isOther) throw refused(path, 'is an object that JSON holds as something else')
    if ((parts += count) > PARTS) throw refused('#', `has more than ${PARTS} parts`, 'Make it smaller')
    above.add(value)
    const entries = attempt(path, () => (isList ? Array.from(value as readonly unknown[], (part, index) => [String(index), part] as const) : Object.entries(value).filter(([, part]) => part !== undefined)))
    const copied = entries.map(([key, part]) => [key, read(part, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)] as const)
    above.delete(value)
    const copy = isList ? copied.map(([, part]) => part) : Object.fromEntries(copied)
    copies.set(value, copy)
    return copy
  }
  return read(schema, '#')
}

/** Asking an object for its parts runs what its author wrote: getters, and the traps of proxies. */
function attempt<T>(path: string, ask: () => T): T {
  try {
    return ask()
  } catch (cause) {
    throw refused(path, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

const refused = (path: string, problem: string, remedy = 'Pass a JSON schema, as JSON.parse would give it') => new UnsupportedSchemaError({ path: path.length > 200 ? `${path.slice(0, 200)}…` : path, problem, remedy })
