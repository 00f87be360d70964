import { TenonError } from '@tenon/core'

/** No output satisfies a constraint, or none that the tokenizer can spell. */
export class UnsatisfiableConstraintError extends TenonError {
  constructor({ problem, remedy }: { problem: string; remedy: string }) {
    super({ code: 'TENON_UNSATISFIABLE_CONSTRAINT', message: `The constraint ${problem}`, remedy })
  }
}
