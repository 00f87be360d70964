import type { Schema } from './combine-schemas.js'
import { typesOf } from './schema-types.js'

/** Whether it is certain that no value satisfies both. `resolve` follows references. */
export function exclude(one: Schema, other: Schema, resolve: (schema: unknown) => Schema | undefined): boolean {
  const values = [valuesOf(one), valuesOf(other)] as const
  if (values[0] !== undefined && values[1] !== undefined) return apart(values[0], values[1])
  const types = [typesOf(one), typesOf(other)] as const
  const common = types[0].filter((a) => types[1].some((b) => a === b || (isNumber(a) && isNumber(b))))
  // Objects may be told apart by a property.
  return common.every((type) => type === 'object') && (common.length === 0 || [[one, other], [other, one]].some(([a, b]) => required(a!).some((name) => told(name, a!, b!))))

  function told(name: string, a: Schema, b: Schema): boolean {
    const [here, there] = [property(a, name), property(b, name)]
    if (there === undefined) return b.additionalProperties === false
    const [first, second] = [resolve(here), resolve(there)]
    if (first === undefined || second === undefined) return false
    const [left, right] = [valuesOf(first), valuesOf(second)]
    return left !== undefined && right !== undefined && apart(left, right)
  }
}

const isNumber = (type: string) => type === 'number' || type === 'integer'
const required = (schema: Schema) => (Array.isArray(schema.required) ? (schema.required as string[]) : [])
const apart = (a: readonly string[], b: readonly string[]) => a.every((value) => !b.includes(value))

function property(schema: Schema, name: string): unknown {
  const { properties } = schema
  return typeof properties === 'object' && properties !== null && Object.hasOwn(properties, name) ? (properties as Schema)[name] : undefined
}

/** The values of `const` or `enum`, as JSON. */
function valuesOf(schema: Schema): readonly string[] | undefined {
  const values = Object.hasOwn(schema, 'const') ? [schema.const] : Array.isArray(schema.enum) ? (schema.enum as unknown[]) : undefined
  return values?.map((value) => JSON.stringify(value))
}
