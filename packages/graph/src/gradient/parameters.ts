import { InvalidOptionError, type Constant, type Graph } from '@tenon/core'
import { isLiteral } from '../builder.js'
import { isFloat } from './gradients.js'

/** Which constants become inputs: these, or those that a function picks. */
type Which = Iterable<string> | ((name: string, constant: Constant) => boolean)

/**
 * Turns floating-point constants of a graph into inputs, after those it has, so that a run can be fed with them and a training step
 * can update them. By default these are the weights: all that have dimensions and a name. Numbers without dimensions, such as the factor
 * of a scaling, and those that nobody named, such as the frequencies of rotary embeddings, are literals of the computation and stay.
 * (By how many elements there are, a classifier's bias for a single label would be left behind; by where the bytes lie, every new head.)
 * @returns the graph, and the constants that its new inputs start from, by name.
 * @throws InvalidOptionError where a name is that of no floating-point constant.
 * @example
 * const { graph, constants } = parameters(model, (name) => name.startsWith('classifier.'))
 * const step = gradient(graph, { of: 'loss', withRespectTo: constants.keys() })
 */
export function parameters(graph: Graph, which: Which = (name, { shape }) => shape.length > 0 && !isLiteral(name)): { readonly graph: Graph; readonly constants: ReadonlyMap<string, Constant> } {
  const names = typeof which === 'function' ? undefined : new Set(typeof which === 'string' ? [which] : which) // a string is an iterable of letters
  for (const name of names ?? []) {
    const constant = graph.constants.get(name)
    if (constant !== undefined && isFloat(constant)) continue
    throw new InvalidOptionError({ where: 'parameters', option: 'which', problem: `names '${name}', which is ${constant === undefined ? 'no constant' : `a constant of ${constant.dtype}`} of the graph '${graph.name}'`, remedy: 'Name constants of floating-point numbers' })
  }
  const picked = ([name, constant]: readonly [string, Constant]) => isFloat(constant) && (names?.has(name) ?? (which as Exclude<Which, Iterable<string>>)(name, constant))
  const constants = new Map([...graph.constants].filter(picked))
  if (constants.size === 0) return { graph, constants }
  const added = Array.from(constants, ([name, { dtype, shape }]) => Object.freeze({ name, dtype, shape }))
  return {
    graph: Object.freeze({ ...graph, inputs: Object.freeze([...graph.inputs, ...added]), constants: new Map([...graph.constants].filter(([name]) => !constants.has(name))) }),
    constants,
  }
}
