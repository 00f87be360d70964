import type { Emit } from './events.js'
import type { Graphs } from './model.js'
import type { Pass } from './pass.js'
import type { Checkpoint } from './source.js'

export interface PrepareContext {
  /** Whose weights the graphs hold. */
  readonly checkpoint: Checkpoint
  readonly emit: Emit
  readonly signal?: AbortSignal
}

/** Makes a pass that trades size or time for accuracy. */
export interface Compressor<Name extends string = string, Options extends object = never> {
  readonly kind: 'compressor'
  readonly version: 'v1'
  readonly name: Name
  /** The pass for graphs of a role: `'model'`, `'decoder'`, `'prefill'`, … Roles whose graph is one, and whose passes have one name, share what comes out. */
  pass(options: Options, role: string): Pass
  /**
   * Computes now what the passes left to be computed, so that it can be kept for the next time: the same graphs, over weights
   * that are there.
   * @throws AbortedError
   */
  prepare?(graphs: Graphs, options: Options, context: PrepareContext): Promise<Graphs>
}
