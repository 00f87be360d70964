import type { Budget } from './budget.js'
import { failed } from './fault.js'
import { Callable, compare, equals, Float, isDict, isList, isNumber, numberOf, print, Tuple, typeOf, Undefined, type Value } from './values.js'
import { isLower, isUpper } from './methods.js'
import { contains } from './operators.js'

type Test = (value: Value, argument: Value, budget: Budget) => boolean

const less: Test = (value, argument, budget) => compare(value, argument, budget) < 0
const more: Test = (value, argument, budget) => compare(value, argument, budget) > 0
const notMore: Test = (value, argument, budget) => compare(value, argument, budget) <= 0
const notLess: Test = (value, argument, budget) => compare(value, argument, budget) >= 0
const notEqual: Test = (value, argument, budget) => !equals(value, argument, budget)

function whole(name: string, value: Value): number {
  if (isNumber(value)) return numberOf(value)
  throw failed(`tests whether a value of the type ${typeOf(value)} is ${name}`)
}

function textOf(value: Value, budget: Budget): string {
  const text = print(value, budget)
  budget.text(text.length)
  return text
}

const modulo = (value: number, by: number) => ((value % by) + by) % by

/** Jinja's own tests, `x is defined`. Those that ask for names of filters and of tests are the interpreter's. */
export const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => value instanceof Callable,
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  divisibleby: (value, by) => modulo(whole('divisibleby', value), whole('divisibleby', by)) === 0,
  even: (value) => modulo(whole('even', value), 2) === 0,
  odd: (value) => modulo(whole('odd', value), 2) === 1,
  true: (value) => value === true,
  false: (value) => value === false,
  none: (value) => value === null,
  integer: (value) => typeof value === 'number',
  float: (value) => value instanceof Float,
  number: isNumber,
  string: (value) => typeof value === 'string',
  mapping: (value) => value !== null && isDict(value),
  sequence: (value) => typeof value === 'string' || value instanceof Tuple || isList(value) || (value !== null && isDict(value)) || value instanceof Undefined,
  iterable: (value) => typeof value === 'string' || value instanceof Tuple || isList(value) || (value !== null && isDict(value)) || value instanceof Undefined,
  lower: (value, _, budget) => isLower(textOf(value, budget)),
  upper: (value, _, budget) => isUpper(textOf(value, budget)),
  sameas: (value, argument) => value === argument,
  in: (value, argument, budget) => contains(argument, value, budget),
  eq: equals,
  equalto: equals,
  '==': equals,
  ne: notEqual,
  '!=': notEqual,
  lt: less,
  lessthan: less,
  '<': less,
  le: notMore,
  '<=': notMore,
  gt: more,
  greaterthan: more,
  '>': more,
  ge: notLess,
  '>=': notLess,
}
