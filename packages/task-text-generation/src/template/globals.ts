import type { Budget } from './budget.js'
import { bind, textArgument, wholeArgument } from './call-arguments.js'
import { entriesOf } from './entries.js'
import { failed, Fault } from './fault.js'
import { strftime } from './strftime.js'
import { Callable, Namespace, print, type Call, type Key, type Value } from './values.js'

/** The functions that every template may call. */
export function globals(budget: Budget, now: () => Date): Callable[] {
  const functions: readonly (readonly [name: string, call: Call])[] = [
    ['range', (positional, named) => range(positional, named, budget)],
    ['dict', (positional, named) => new Map<Key, Value>([...entriesOf(positional[0], budget), ...named])],
    ['namespace', (positional, named) => new Namespace(new Map([...entriesOf(positional[0], budget), ...named].map(([key, value]) => [String(key), value])))],
    [
      'raise_exception',
      (positional, named) => {
        const [message] = bind('raise_exception', ['message'], positional, named)
        throw new Fault('raised', print(message ?? '', budget))
      },
    ],
    [
      'strftime_now',
      (positional, named) => {
        const format = textArgument('strftime_now', bind('strftime_now', ['format'], positional, named)[0])
        budget.text(format.length * 5) // %F makes ten characters of two
        return strftime(now(), format)
      },
    ],
  ]
  return functions.map(([name, call]) => new Callable(name, call))
}

function range(positional: readonly Value[], named: ReadonlyMap<string, Value>, budget: Budget): Value {
  const numbers = bind('range', ['start', 'stop', 'step'], positional, named).map((value) => (value === undefined ? undefined : wholeArgument('range', value)))
  const [start, stop] = numbers[1] === undefined ? [0, numbers[0] ?? 0] : [numbers[0]!, numbers[1]]
  const step = numbers[2] ?? 1
  if (step === 0) throw failed('makes a range with a step of zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  budget.spend(length)
  return Array.from({ length }, (_, index) => start + index * step)
}
