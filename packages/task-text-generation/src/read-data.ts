import { InvalidInputError } from '@tenon/core'
import { ChatTemplateError } from './errors/chat-template-error.js'
import { DEEPEST_DATA, isRecord } from './template/values.js'

/** Far beyond what a conversation holds: an object that makes up its parts as they are asked for has no end. */
const PARTS = 1_000_000

/** Where data come from, and whom they are for. */
interface Reading {
  /** What it is, for messages. */
  readonly what: string
  /** The template's name. */
  readonly template: string
}

/**
 * A copy of what a template is given, of which each part is read once: getters and proxies run what their author wrote, whatever that
 * does. What stands in it many times does so in the copy. Instances of classes become the words that stand for them.
 * @throws InvalidInputError where it cannot be read, ChatTemplateError where it is nested too deep, holds itself, or has no end.
 */
export function readData<T>(data: T, { what, template }: Reading): T {
  const copies = new Map<object, unknown>()
  const above = new Set<object>()
  let parts = 0
  const refuse = (problem: string) => new ChatTemplateError({ template, reason: 'failed', problem })
  const read = (value: unknown, depth: number): unknown => {
    if (depth > DEEPEST_DATA) throw refuse(`is given data that nests deeper than ${DEEPEST_DATA} levels`)
    if (typeof value !== 'object' || value === null) return value
    if (above.has(value)) throw refuse(`is given data that holds itself, and so nests deeper than ${DEEPEST_DATA} levels`)
    if (copies.has(value)) return copies.get(value)
    const shape = readable(what, () => (Array.isArray(value) ? { size: value.length, isList: true } : isRecord(value) ? { size: Object.keys(value).length, isList: false } : `<${String((value.constructor as { readonly name?: unknown } | undefined)?.name ?? 'object')}>`))
    if (typeof shape === 'string') return shape
    if ((parts += shape.size) > PARTS) throw refuse(`is given data of more than ${PARTS} parts`)
    above.add(value)
    const entries = readable(what, () => (shape.isList ? Array.from(value as readonly unknown[], (part, index) => [index, part] as const) : Object.entries(value)))
    const copied = entries.map(([key, part]) => [key, read(part, depth + 1)] as const)
    above.delete(value)
    const copy: unknown = shape.isList ? copied.map(([, part]) => part) : Object.fromEntries(copied)
    copies.set(value, copy)
    return copy
  }
  return read(data, 0) as T
}

/**
 * What asking an object gives, whatever it does when it is asked.
 * @throws InvalidInputError
 */
export function readable<T>(what: string, ask: () => T): T {
  try {
    return ask()
  } catch (cause) {
    throw new InvalidInputError({ what, problem: `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, remedy: 'pass plain objects, as JSON.parse would give them' })
  }
}
