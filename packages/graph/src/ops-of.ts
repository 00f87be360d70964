import type { Graph } from '@tenon/core'
import type { OpTable } from './op.js'
import { standardOps } from './ops/index.js'

export const UNKNOWN_OP = "Add its definition to the graph's operators"

/** The definitions a graph is written in: the standard ones, and those it brings along. */
export function opsOf({ operators }: Pick<Graph, 'operators'>): OpTable {
  return operators === undefined ? standardOps : new Map([...standardOps, ...(operators as OpTable)])
}
