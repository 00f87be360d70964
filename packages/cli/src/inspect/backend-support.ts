import { UnsupportedOpError, type Backend, type Graph } from '@tenon/core'
import { inferTypes } from '@tenon/graph'
import { lower } from '@tenon/graph/passes'
import { tally } from './tally.js'

/** What a backend does with a graph. */
export interface BackendSupport {
  readonly backend: string
  /** Nodes it has a kernel for. */
  readonly native: number
  /** Operators that become others first, and how often they occur. */
  readonly lowered: Readonly<Record<string, number>>
  /** An operator that it can run in no form. */
  readonly missing?: string
}

export function supportOf(backend: Backend, graph: Graph): BackendSupport {
  const foreign = foreignOps(backend, graph)
  const missing = missingOp(backend, graph)
  return {
    backend: backend.name,
    native: graph.nodes.length - foreign.length,
    lowered: tally(foreign.filter((op) => op !== missing)),
    ...(missing !== undefined && { missing }),
  }
}

/** The operators of the nodes that a backend has no kernel for. */
export function foreignOps(backend: Backend, graph: Graph): string[] {
  const values = inferTypes(graph)
  return graph.nodes.filter((node) => !backend.supports(node, node.inputs.map((name) => values.get(name)))).map(({ op }) => op)
}

/** An operator that a backend cannot run in any form, if the graph has one. */
export function missingOp(backend: Backend, graph: Graph): string | undefined {
  try {
    lower(backend).apply(graph)
    return undefined
  } catch (error) {
    if (error instanceof UnsupportedOpError) return error.op
    throw error
  }
}
