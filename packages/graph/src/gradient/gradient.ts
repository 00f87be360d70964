import { InvalidOptionError, type Graph, type ValueInfo } from '@tenon/core'
import { extend, inferTypes } from '../rewrite.js'
import { decomposed } from './decomposed.js'
import { gradients, isFloat } from './gradients.js'
import { ruleOf } from './rules.js'

/**
 * The graph, and how one of its outputs varies with inputs, weights or values in between: an output `gradient.<name>` for each, of its
 * type and shape. Operators on the way that have no rule are replaced by their decompositions first; the rest of the graph stays.
 * @param of The name of an output that is one floating-point number, such as a loss.
 * @throws NoGradientError where an operator on the way has neither a rule nor a decomposition.
 * @throws InvalidOptionError where a name is unknown, InvalidInputError where a value is no floating-point number.
 * @example
 * const step = gradient(graph, { of: 'loss', withRespectTo: ['classifier.weight'] })
 * step.outputs                              // …, { name: 'gradient.classifier.weight', dtype: 'float32', shape: [2, 384] }
 */
export function gradient(graph: Graph, { of, withRespectTo }: { readonly of: string; readonly withRespectTo: Iterable<string> }): Graph {
  const names = [...new Set(typeof withRespectTo === 'string' ? [withRespectTo] : withRespectTo)] // a string is an iterable of letters
  // Composites on the way that have no rule of their own; the rest of the graph stays as it is.
  const simple = decomposed(graph, (current) => {
    const path = namesBetween(current, of, names)
    return ({ inputs, outputs }, definition) => ruleOf(definition) === undefined && inputs.some((name) => path.has(name)) && outputs.some((name) => path.has(name))
  })
  const { builder, values } = extend(simple)
  const value = (option: string, name: string) => {
    const found = values.get(name)
    if (found === undefined) throw new InvalidOptionError({ where: 'gradient', option, problem: `names '${name}', and the graph '${graph.name}' has no such value`, remedy: 'Name an input, a constant or an output of the graph' })
    return found
  }
  const found = gradients(value('of', of), names.map((name) => value('withRespectTo', name)))
  for (const { name } of simple.outputs) builder.output(name, values.get(name)!, simple.updates?.has(name) ? values.get(simple.updates.get(name)!) : undefined)
  for (const [index, name] of names.entries()) builder.output(`gradient.${name}`, found[index]!)
  return builder.build()
}

/** The values that depend on one of `names` and that `of` depends on, smoothly as far as types tell. */
function namesBetween(graph: Graph, of: string, names: readonly string[]): ReadonlySet<string> {
  const types: ReadonlyMap<string, Pick<ValueInfo, 'dtype'>> = inferTypes(graph)
  const floats = (list: readonly string[]) => list.filter((name) => name !== '' && isFloat(types.get(name)!))
  const before = new Set([of])
  for (const node of graph.nodes.toReversed()) if (node.outputs.some((name) => before.has(name))) for (const name of floats(node.inputs)) before.add(name)
  const after = new Set(names)
  for (const node of graph.nodes) if (node.inputs.some((name) => after.has(name))) for (const name of floats(node.outputs)) after.add(name)
  return new Set([...after].filter((name) => before.has(name)))
}
