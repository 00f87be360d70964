import type { Graph } from './graph.js'
import type { Checkpoint } from './source.js'

/** Graphs by their role: `{ model }` for an encoder; a decoder has more. */
export type Graphs = Readonly<Record<string, Graph>>

export interface BuildOptions {
  /** What stands on top of the base: `'base'`, `'masked-lm'`, `'question-answering'`, … */
  readonly head: string
  /** Which of the head's graphs are wanted; others may be left out. Default: all. */
  readonly roles?: readonly string[]
}

/** A family of architectures: emits the graph of a checkpoint. */
export interface Model<Name extends string = string> {
  readonly kind: 'model'
  readonly version: 'v1'
  /** The `model_type` of the configs it reads. */
  readonly name: Name
  readonly heads: readonly string[]
  /** The most tokens one text may have, special tokens included, as far as the positions limit it. */
  maxLength?(checkpoint: Checkpoint): number | undefined
  readonly build: Build
}

/** Emits the graphs of a checkpoint. */
export interface Build {
  /**
   * @throws NoSuchHeadError
   * @throws WeightMismatchError when config and weights disagree.
   */
  (checkpoint: Checkpoint, options: BuildOptions): Promise<Graphs>
  /**
   * Another text whenever this function would make other graphs of a checkpoint whose config and weights are the same. With one, a later
   * process may take what was kept of the graphs for them, and call no function at all. It is the function's own, so that a plugin made
   * of another with a `build` of its own does not inherit it. Default: graphs are built each time.
   */
  readonly revision?: string | undefined
}
