import { InvalidGraphError, type Graph } from '@tenon/core'
import type { OpDefinition, OpTable } from './op.js'
import { standardOps } from './ops/index.js'

/** The definitions a graph is written in: the standard ones, and those it brings along. */
export function opsOf({ operators }: Pick<Graph, 'operators'>): OpTable {
  return operators === undefined ? standardOps : new Map([...standardOps, ...(operators as OpTable)])
}

/** @throws InvalidGraphError where the table has no such operator. */
export function definitionOf(ops: OpTable, op: string, graph: string): OpDefinition {
  const definition = ops.get(op)
  if (definition === undefined) throw new InvalidGraphError({ graph, problem: `the operator ${op} is unknown`, remedy: "Add its definition to the graph's operators" })
  return definition
}
