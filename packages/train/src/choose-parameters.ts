import { InvalidOptionError, nearest, type DataType, type Graph } from '@tenon/core'
import { inferTypes, type ValueType } from '@tenon/graph'

const floats: ReadonlySet<DataType> = new Set(['float32', 'float64', 'float16', 'bfloat16'])

/** How a `GraphBuilder` calls a constant that it was given without a name: a literal of the computation, no parameter of the model. */
const literal = /^constant_\d+$/

const UNQUANTISED = 'Train the checkpoint before its quantisation, or only what comes after its quantised layers'

function refuse(problem: string, remedy: string): never {
  throw new InvalidOptionError({ where: 'trainingStep', option: 'trainable', problem, remedy })
}

/**
 * The names of the parameters to train.
 * @param scored Ends in the loss.
 * @param model What it was made of, with parameters that the loss may not depend on.
 * @throws InvalidOptionError
 */
export function chooseParameters(scored: Graph, model: Graph, trainable: Iterable<string> | ((name: string) => boolean) | undefined): readonly string[] {
  const smooth = namesBefore(scored, ({ dtype }) => floats.has(dtype))
  // Elements that are known before a run are sizes, which depend on no value.
  const rounded = namesBefore(scored, ({ elements }) => elements === undefined)
  const candidates = [...scored.constants].filter(([name, { dtype }]) => floats.has(dtype) && rounded.has(name) && !literal.test(name)).map(([name]) => name)
  const isTrained = typeof trainable === 'function' ? trainable : (name: string) => scored.constants.get(name)!.shape.length > 0
  const chosen = trainable === undefined || typeof trainable === 'function' ? candidates.filter((name) => isTrained(name)) : [...new Set(typeof trainable === 'string' ? [trainable] : trainable)]
  for (const name of chosen) {
    const constant = scored.constants.get(name) ?? model.constants.get(name)
    if (constant === undefined) {
      const close = nearest(name, candidates)
      return refuse(`names '${name}', which is no parameter of '${model.name}'`, close === undefined ? 'Name constants of the graph' : `Did you mean '${close}'?`)
    }
    if (constant.dtype !== 'float32') refuse(`takes in '${name}', which is ${constant.dtype}`, floats.has(constant.dtype) ? 'Widen the parameters to float32 first' : UNQUANTISED)
    if (!rounded.has(name)) refuse(`names '${name}', which the loss does not depend on`, 'Leave it out, or make it part of the loss')
    if (!smooth.has(name)) refuse(`takes in '${name}', which reaches the loss only after it was rounded or compared`, UNQUANTISED)
  }
  if (chosen.length === 0) refuse('leaves nothing to train', candidates.length === 0 ? `The loss depends on no floating-point parameter of '${model.name}'; give the constants that are to be trained names` : `Choose among ${candidates.length} parameters, such as '${candidates[0]}'`)
  return chosen
}

/** The values that the loss is computed from by way of others that `carry` on what they are made of. */
function namesBefore(graph: Graph, carries: (value: ValueType) => boolean): ReadonlySet<string> {
  const types = inferTypes(graph)
  const before = new Set(['loss'])
  for (const { inputs, outputs } of graph.nodes.toReversed()) {
    if (!outputs.some((name) => before.has(name))) continue
    for (const name of inputs) if (name !== '' && carries(types.get(name)!)) before.add(name)
  }
  return before
}
