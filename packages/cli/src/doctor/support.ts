import type { Backend, Graph } from '@tenon/core'
import { encoders } from '@tenon/models'
import { foreignOps, missingOp } from '../inspect/backend-support.js'
import { madeUpModel, TINY } from './made-up-model.js'

/** What a backend makes of the families that are known. */
export interface FamilySupport {
  /** Whether it runs the family, and if not, the operator that it has in no form. */
  readonly families: readonly { readonly family: string; readonly runs: boolean; readonly missing: string | null }[]
  /** Of the operators that the families are made of, those it has a kernel for, and those it computes in simpler ones. */
  readonly operators: { readonly native: number; readonly lowered: readonly string[] }
}

interface FamilyGraph {
  readonly family: string
  readonly graph: Graph
}

/** The graph of each family, small. */
export const familyGraphs = (): Promise<readonly FamilyGraph[]> =>
  Promise.all(encoders().map(async (family) => ({ family: family.name, graph: await madeUpModel(family, TINY) })))

export function familySupport(backend: Backend, graphs: readonly FamilyGraph[]): FamilySupport {
  const used = new Set(graphs.flatMap(({ graph }) => graph.nodes.map(({ op }) => op)))
  const foreign = new Set(graphs.flatMap(({ graph }) => foreignOps(backend, graph)))
  const families = graphs.map(({ family, graph }) => ({ family, missing: missingOp(backend, graph) ?? null }))
  return {
    families: families.map(({ family, missing }) => ({ family, runs: missing === null, missing })),
    operators: { native: used.size - foreign.size, lowered: [...foreign].toSorted() },
  }
}
