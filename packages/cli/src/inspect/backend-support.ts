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
  const types = inferTypes(graph)
  const foreign = graph.nodes.filter((node) => !backend.supports(node, node.inputs.map((name) => types.get(name))))
  const missing = missingOp(backend, graph)
  return {
    backend: backend.name,
    native: graph.nodes.length - foreign.length,
    lowered: tally(foreign.map(({ op }) => op).filter((op) => op !== missing)),
    ...(missing !== undefined && { missing }),
  }
}

function missingOp(backend: Backend, graph: Graph): string | undefined {
  try {
    lower(backend).apply(graph)
    return undefined
  } catch (error) {
    if (error instanceof UnsupportedOpError) return error.op
    throw error
  }
}
