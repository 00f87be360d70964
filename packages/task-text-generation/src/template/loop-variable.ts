import type { Budget } from './budget.js'
import { Callable, equals, orElse, Tuple, Undefined, type Call, type Value } from './values.js'

/** A run over some items, which all its turns share. */
export interface Loop {
  readonly items: readonly Value[]
  /** How many loops it was called in, by itself. */
  readonly depth: number
  /** `loop(items)`. */
  readonly again: Call
  /** What `loop.changed()` was called with last. */
  changed: readonly Value[] | undefined
}

/** What is `loop` at a turn. */
export function loopVariable(loop: Loop, index: number, budget: Budget): Callable {
  const { items, depth } = loop
  const { length } = items
  const changed = (values: readonly Value[]) => {
    const same = loop.changed !== undefined && equals(new Tuple(loop.changed), new Tuple(values), budget)
    loop.changed = values
    return !same
  }
  return new Callable(
    'loop',
    loop.again,
    new Map<string, Value>([
      ['index', index + 1],
      ['index0', index],
      ['revindex', length - index],
      ['revindex0', length - index - 1],
      ['first', index === 0],
      ['last', index === length - 1],
      ['length', length],
      ['depth', depth + 1],
      ['depth0', depth],
      ['previtem', orElse(items[index - 1], () => new Undefined('asks for the item before the first'))],
      ['nextitem', orElse(items[index + 1], () => new Undefined('asks for the item behind the last'))],
      ['cycle', new Callable('cycle', (values) => orElse(values[index % values.length], () => null))],
      ['changed', new Callable('changed', changed)],
    ]),
  )
}
