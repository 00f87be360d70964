import type { Schema } from './combine-schemas.js'

export const schemaTypes = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
export type SchemaType = (typeof schemaTypes)[number]

/** The type that a keyword asks something of. Values of other types satisfy it, but are not what its author had in mind. */
const typeOfKeyword: Readonly<Record<string, SchemaType>> = {
  properties: 'object', required: 'object', additionalProperties: 'object',
  items: 'array', prefixItems: 'array', additionalItems: 'array', minItems: 'array', maxItems: 'array',
  pattern: 'string', minLength: 'string', maxLength: 'string', format: 'string',
  minimum: 'number', maximum: 'number', exclusiveMinimum: 'number', exclusiveMaximum: 'number',
}

/** The type of a JSON value, `integer` where it is one. */
export function typeOfValue(value: unknown): SchemaType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value as SchemaType
}

/** The types that a schema allows: those it names; without, those its keywords are about; without, all. */
export function typesOf(schema: Schema): readonly SchemaType[] {
  if (Object.hasOwn(schema, 'type')) return (Array.isArray(schema.type) ? schema.type : [schema.type]) as SchemaType[]
  const values = Object.hasOwn(schema, 'const') ? [schema.const] : Array.isArray(schema.enum) ? (schema.enum as unknown[]) : []
  const about = values.length > 0 ? values.map(typeOfValue) : Object.keys(schema).flatMap((keyword) => (Object.hasOwn(typeOfKeyword, keyword) ? [typeOfKeyword[keyword]!] : []))
  return about.length > 0 ? [...new Set(about)] : schemaTypes.filter((type) => type !== 'integer')
}
