import type { Constant, Graph } from '@tenon/core'

/** A table up to this size is left whole: decoders of the same model that have room for other lengths then still share what is compiled. */
const SMALL = 2 ** 25

/** The same graph with tables of positions no longer than anybody can come to: a context of a million tokens takes 517 MB of angles, and more memory than most have for its keys and values. */
export function readingUpTo(graph: Graph, positions: number): Graph {
  const constants = Array.from(graph.constants, ([name, constant]): [string, Constant] => [name, shortened(constant, positions)])
  return constants.some(([name, constant]) => constant !== graph.constants.get(name)) ? Object.freeze({ ...graph, constants: new Map(constants) }) : graph
}

function shortened(constant: Constant, positions: number): Constant {
  const { upTo, byteLength, shape: [rows = 1] } = constant
  if (upTo === undefined || byteLength <= SMALL) return constant
  return upTo(Math.max(positions, Math.floor((SMALL * rows) / byteLength)))
}
