import { InvalidInputError, kindOf } from '@tenon/core'

/** @throws InvalidInputError */
export function checkText(what: string, value: unknown, remedy: string): asserts value is string {
  if (typeof value !== 'string') throw new InvalidInputError({ what, problem: `is ${kindOf(value)}`, remedy })
}
