import { InvalidInputError, type Filter, type Metadata } from '@tenon/core'

/** A store may be a database, and those refuse half of a surrogate pair, and U+0000. */
export const isStorable = (text: string): boolean => !/\p{Surrogate}|\0/u.test(text)

const isScalar = (value: unknown) => (typeof value === 'string' && isStorable(value)) || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const bounds = ['gt', 'gte', 'lt', 'lte']

/** @throws InvalidInputError */
export function checkMetadata(metadata: Metadata | undefined): void {
  if (metadata === undefined) return
  if (!isRecord(metadata)) throw new InvalidInputError({ what: 'the metadata', problem: 'is no object', remedy: "pass fields, as { lang: 'en' }" })
  for (const [field, value] of Object.entries(metadata)) {
    if (isScalar(value) && isStorable(field)) continue
    throw new InvalidInputError({ what: `the field '${field}' of the metadata`, problem: 'is no well-formed text, finite number or boolean', remedy: 'pass one of these, or leave it out' })
  }
}

function isCondition(condition: unknown): boolean {
  if (!isRecord(condition)) return isScalar(condition)
  const keys = Object.keys(condition)
  if ('in' in condition) return keys.length === 1 && Array.isArray(condition.in) && condition.in.every(isScalar)
  return keys.length > 0 && keys.every((key) => bounds.includes(key) && isScalar(condition[key]) && typeof condition[key] !== 'boolean')
}

/** @throws InvalidInputError */
export function checkFilter(filter: Filter | undefined): void {
  if (filter === undefined) return
  if (!isRecord(filter)) throw new InvalidInputError({ what: 'the filter', problem: 'is no object', remedy: "pass conditions, as { lang: 'en' }" })
  for (const [field, condition] of Object.entries(filter)) {
    if (isCondition(condition) && isStorable(field)) continue
    throw new InvalidInputError({ what: `the filter's condition on '${field}'`, problem: 'is neither a value, nor { in: [values] }, nor bounds', remedy: "pass one, as { lang: 'en', team: { in: ['ops', 'web'] }, year: { gte: 2020, lt: 2025 } }" })
  }
}
