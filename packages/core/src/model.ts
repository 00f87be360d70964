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
  /**
   * Another text whenever `build` would make other graphs of a checkpoint whose config and weights are the same. With one, a later
   * process may take what was kept of the graphs for them, and need not build any. Default: graphs are built each time.
   */
  readonly revision?: string | undefined
  /** The most tokens one text may have, special tokens included, as far as the positions limit it. */
  maxLength?(checkpoint: Checkpoint): number | undefined
  /**
   * @throws NoSuchHeadError
   * @throws WeightMismatchError when config and weights disagree.
   */
  build(checkpoint: Checkpoint, options: BuildOptions): Promise<Graphs>
}
