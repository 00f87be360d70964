import type { Graph } from '@tenon/core'

/** What tells two graphs apart, as text: all but the bytes of their constants. */
export function describedGraph({ inputs, outputs, nodes, constants, updates }: Graph): string {
  return JSON.stringify({ inputs, outputs, nodes, constants: Array.from(constants, ([name, { dtype, shape }]) => [name, dtype, shape]), updates: [...(updates ?? [])] })
}
