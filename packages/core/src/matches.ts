import type { Condition, Filter, Metadata, MetadataValue } from './filter.js'

/** By code points: JavaScript's own order sorts 😀 before ｆ. */
function compare<T extends string | number>(one: T, other: T): number {
  if (typeof one === 'number' || typeof other === 'number') return Number(one) - Number(other)
  for (let index = 0; index < one.length && index < other.length; index++) {
    if (one[index] === other[index]) continue
    return isSurrogate(one.charCodeAt(index)) === isSurrogate(other.charCodeAt(index)) ? (one < other ? -1 : 1) : isSurrogate(one.charCodeAt(index)) ? 1 : -1
  }
  return one.length - other.length
}

const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff

function holds(condition: Condition, value: MetadataValue | undefined): boolean {
  if (typeof condition !== 'object') return value === condition
  if ('in' in condition) return condition.in.includes(value as MetadataValue)
  if (typeof value === 'boolean') return false
  const { gt, gte, lt, lte } = condition
  // A bound of another type than the value has holds for nothing.
  const within = (bound: string | number | undefined, test: (difference: number) => boolean) =>
    bound === undefined || (typeof bound === typeof value && test(compare(value as string | number, bound)))
  return value !== undefined && within(gt, (d) => d > 0) && within(gte, (d) => d >= 0) && within(lt, (d) => d < 0) && within(lte, (d) => d <= 0)
}

/** For stores: whether every condition of a filter holds for this metadata. Strings compare by code points, as UTF-8 and Postgres' collation "C" do. */
export function matches(filter: Filter, metadata: Metadata): boolean {
  return Object.entries(filter).every(([field, condition]) => holds(condition, Object.hasOwn(metadata, field) ? metadata[field] : undefined))
}
