import type { Emit } from './events.js'
import type { Graphs } from './model.js'
import type { Pass } from './pass.js'
import type { Checkpoint } from './source.js'

export interface PrepareContext {
  /** Whose weights the graphs hold. */
  readonly checkpoint: Checkpoint
  readonly emit: Emit
  readonly signal?: AbortSignal
  /** What was built, and by which definition: another text wherever other graphs may come of the same config and weights. Absent where the family does not tell. */
  readonly built?: string
}

export interface RecallContext extends PrepareContext {
  readonly built: string
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
  /**
   * The graphs that `prepare` gave before, in this process or an earlier one, for what was built the same way of the same checkpoint;
   * `undefined` where nothing of it is kept. Asked before anything is built.
   * @throws AbortedError
   */
  recall?(options: Options, context: RecallContext): Promise<Graphs | undefined>
}
