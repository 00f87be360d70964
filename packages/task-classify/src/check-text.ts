import { InvalidInputError } from '@tenon/core'

/** What something is called in an error: its type, where it is not what was asked for. */
export const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? `an array of ${value.length}` : typeof value)

/** @throws InvalidInputError */
export function checkText(what: string, value: unknown, remedy: string): asserts value is string {
  if (typeof value !== 'string') throw new InvalidInputError({ what, problem: `is ${kindOf(value)}`, remedy })
}
