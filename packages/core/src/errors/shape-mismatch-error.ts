import type { Dimension } from '../graph.js'
import { TenonError } from './tenon-error.js'

const written = (shape: readonly Dimension[] | string) => (typeof shape === 'string' ? shape : `[${shape.join(', ')}]`)

/** The shapes of an op's inputs do not fit together. */
export class ShapeMismatchError extends TenonError {
  readonly op: string

  constructor({ op, expected, actual }: { op: string; expected: readonly Dimension[] | string; actual: readonly Dimension[] | string }) {
    super({
      code: 'TENON_SHAPE_MISMATCH',
      message: `${op} expects ${written(expected)} and got ${written(actual)}`,
      remedy: 'Reshape or transpose the input, or correct the attribute',
    })
    this.op = op
  }
}
