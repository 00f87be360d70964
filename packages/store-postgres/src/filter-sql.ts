import type { Condition, Filter } from '@tenon/core'
import type { Parameter } from './database.js'

const operators = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * A filter as a condition on `column`, of type jsonb. Values and fields go as parameters, whose places `bind` gives.
 * A field of another type than the bound is looked at no further: `case`, since `and` may be computed in any order.
 */
export function filterSql(filter: Filter, column: string, bind: (parameter: Parameter) => string): string {
  const condition = (field: string, wanted: Condition): string => {
    const name = `${bind(field)}::text`
    if (typeof wanted !== 'object') return `${column} -> ${name} = ${bind(JSON.stringify(wanted))}::jsonb`
    if ('in' in wanted) return `${column} -> ${name} in (select value::jsonb from unnest(${bind(wanted.in.map((value) => JSON.stringify(value)))}::text[]) as value)`
    return Object.entries(wanted as Record<keyof typeof operators, string | number>)
      .map(([bound, value]) => {
        const operator = operators[bound as keyof typeof operators]
        const compared = typeof value === 'number' ? `(${column} ->> ${name})::float8 ${operator} ${bind(JSON.stringify(value))}::float8` : `(${column} ->> ${name}) collate "C" ${operator} ${bind(value)}::text`
        return `case when jsonb_typeof(${column} -> ${name}) = '${typeof value}' then ${compared} else false end`
      })
      .join(' and ')
  }
  return Object.entries(filter).map(([field, wanted]) => `(${condition(field, wanted)})`).join(' and ') || 'true'
}
