import { kindOf } from '@tenon/core'
import { UnsupportedSchemaError } from './unsupported-schema-error.js'

/** Far beyond what a schema may nest, and far below what the stack holds. */
const DEPTH = 2_000

/**
 * That a schema is JSON, as it would be read from a file: what JSON cannot hold would be lost in it, or fail where it is written down. What is left out
 * (`undefined`) may stand in objects, as it does for `JSON.stringify`.
 * @throws UnsupportedSchemaError
 */
export function checkJson(schema: unknown): void {
  const above = new Set<object>()
  const done = new Set<object>() // a part that is named many times is looked at once
  const visit = (value: unknown, path: string): void => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return
    if (typeof value !== 'object') throw refused(path, `is ${typeof value === 'number' ? String(value) : kindOf(value)}, which no JSON holds`)
    if (done.has(value)) return
    if (above.has(value)) throw refused(path, 'leads back to itself', 'Put it under $defs, and name it with $ref')
    if (above.size === DEPTH) throw refused(path, `lies more than ${DEPTH} levels deep`, 'Name parts of it with $ref')
    if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') throw refused(path, 'is an object that JSON holds as something else')
    above.add(value)
    for (const [key, part] of Object.entries(value)) if (part !== undefined || Array.isArray(value)) visit(part, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    above.delete(value)
    done.add(value)
  }
  visit(schema, '#')
}

const refused = (path: string, problem: string, remedy = 'Pass a JSON schema, as JSON.parse would give it') => new UnsupportedSchemaError({ path: path.length > 200 ? `${path.slice(0, 200)}…` : path, problem, remedy })
