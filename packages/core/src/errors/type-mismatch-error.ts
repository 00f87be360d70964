import { TenonError } from './tenon-error.js'

/** The element types of an op's inputs do not fit it, or one another. */
export class TypeMismatchError extends TenonError {
  readonly op: string

  constructor({ op, expected, actual }: { op: string; expected: string; actual: string }) {
    super({ code: 'TENON_TYPE_MISMATCH', message: `${op} expects ${expected} and got ${actual}`, remedy: 'Cast the input first' })
    this.op = op
  }
}
