import type { Value } from '@tenon/graph'

/** A parameter, and how the loss varies with it. */
export interface Trained {
  readonly name: string
  readonly value: Value
  /** Of the value's shape, not yet clipped. */
  readonly gradient: Value
}

export interface OptimizerContext {
  readonly parameters: readonly Trained[]
  /** A scalar, fed with each run. */
  readonly learningRate: Value
  /**
   * A scalar that all gradients are to be multiplied by: at most 1, less where they are clipped. It is known only once every
   * gradient and the loss are: an update that depends on it overwrites nothing that is still to be read, and is not made by a run
   * that fails.
   */
  readonly factor: Value
  /** A float32 tensor that is 0 at first, and that each run leaves to the next: moments, counts. */
  state(name: string, shape: readonly number[]): Value
  /** What a parameter or a state becomes. */
  update(value: Value, next: Value): void
}

/** How parameters move, as graph. */
export interface Optimizer {
  emit(context: OptimizerContext): void
}
