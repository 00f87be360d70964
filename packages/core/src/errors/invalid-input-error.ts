import { TenonError } from './tenon-error.js'

/** What was passed to a run or a runner cannot be used. */
export class InvalidInputError extends TenonError {
  constructor({ what, problem, remedy }: { what: string; problem: string; remedy: string }) {
    super({ code: 'TENON_INVALID_INPUT', message: `${what[0]?.toUpperCase()}${what.slice(1)} ${problem}`, remedy: `${remedy[0]?.toUpperCase()}${remedy.slice(1)}` })
  }
}
