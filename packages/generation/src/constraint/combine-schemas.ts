import { UnsupportedSchemaError } from './unsupported-schema-error.js'

export type Schema = Readonly<Record<string, unknown>>

/** Keywords that tell people about a value, and ask nothing of it. */
export const annotations: readonly string[] = ['$schema', '$id', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly']

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)
const greater = (a: unknown, b: unknown) => Math.max(a as number, b as number)
const smaller = (a: unknown, b: unknown) => Math.min(a as number, b as number)
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value])

/** The types that are in both; integers are numbers. */
function commonTypes(a: unknown, b: unknown): unknown[] {
  const [one, other] = [listOf(a), listOf(b)]
  return [...new Set([...one.filter((type) => other.includes(type) || (type === 'integer' && other.includes('number'))), ...other.filter((type) => type === 'integer' && one.includes('number'))])]
}

const common = (a: unknown, b: unknown) => {
  const others = new Set(listOf(b).map((value) => JSON.stringify(value)))
  return listOf(a).filter((value) => others.has(JSON.stringify(value)))
}

const rules: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  type: commonTypes,
  enum: common,
  required: (a, b) => [...new Set([...listOf(a), ...listOf(b)])],
  minimum: greater, exclusiveMinimum: greater, minLength: greater, minItems: greater,
  maximum: smaller, exclusiveMaximum: smaller, maxLength: smaller, maxItems: smaller,
  properties: (a, b) => {
    const [one, other] = [a as Schema, b as Schema]
    return Object.fromEntries([...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => [name, !Object.hasOwn(other, name) ? one[name] : Object.hasOwn(one, name) ? { allOf: [one[name], other[name]] } : other[name]]))
  },
  items: (a, b) => ({ allOf: [a, b] }),
}

/**
 * A schema that asks for all that both do.
 * @throws UnsupportedSchemaError where that takes more than putting their keywords together.
 */
export function combine(one: Schema, other: Schema, path: string): Schema {
  const refuse = (keyword: string) => new UnsupportedSchemaError({ path, keyword, problem: 'stands in schemas that hold at once, and cannot be put together', remedy: 'Write what both ask for as one schema' })
  // What one calls additional the other may list.
  for (const [a, b] of [[one, other], [other, one]] as const) {
    if (Object.hasOwn(a, 'additionalProperties') && a.additionalProperties !== true && isSchema(b.properties) && Object.keys(b.properties).some((name) => !isSchema(a.properties) || !Object.hasOwn(a.properties, name))) throw refuse('additionalProperties')
    if ((Object.hasOwn(a, 'prefixItems') || Array.isArray(a.items)) && (Object.hasOwn(b, 'items') || Object.hasOwn(b, 'prefixItems'))) throw refuse('items')
  }
  const combined: Record<string, unknown> = { ...one }
  for (const [keyword, value] of Object.entries(other)) {
    if (!Object.hasOwn(one, keyword) || annotations.includes(keyword)) combined[keyword] = value
    else if (Object.hasOwn(rules, keyword)) combined[keyword] = rules[keyword]!(one[keyword], value)
    else if (JSON.stringify(one[keyword]) !== JSON.stringify(value)) throw refuse(keyword)
  }
  return combined
}
