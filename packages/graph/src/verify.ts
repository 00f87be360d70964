import { InvalidGraphError, type Dimension, type Graph } from '@tenon/core'
import { checkUpdates } from './check-updates.js'
import { inferAnew } from './rewrite.js'

/**
 * Checks what every graph must keep: known ops with the inputs and attributes they take, each value made once and
 * before it is read, types and shapes that fit, outputs that are what they are declared to be, updates that come after
 * whatever reads the old value.
 * @returns the same graph, for use between passes.
 * @throws InvalidGraphError, ShapeMismatchError, TypeMismatchError
 */
export function verify(graph: Graph): Graph {
  const types = inferAnew(graph)
  for (const { name, dtype, shape } of graph.outputs) {
    const made = types.get(name)!
    if (made.dtype !== dtype) throw new InvalidGraphError({ graph: graph.name, problem: `the output '${name}' is declared ${dtype} and is ${made.dtype}` })
    if (!compatible(shape, made.shape)) throw new InvalidGraphError({ graph: graph.name, problem: `the output '${name}' is declared [${shape.join(', ')}] and is [${made.shape.join(', ')}]` })
  }
  checkUpdates(graph)
  return graph
}

/** Symbols may be spelled differently by whoever declared them. */
function compatible(declared: readonly Dimension[], made: readonly Dimension[]): boolean {
  return declared.length === made.length && declared.every((size, axis) => typeof size === 'string' || typeof made[axis] === 'string' || size === made[axis])
}
