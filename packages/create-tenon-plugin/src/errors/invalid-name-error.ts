import { TenonError } from '@tenon/core'

/** No package of npm can have this name. */
export class InvalidNameError extends TenonError {
  constructor({ name, problem, remedy }: { name: string; problem: string; remedy: string }) {
    super({ code: 'TENON_INVALID_NAME', message: `No package can be named '${name}': ${problem}`, remedy })
  }
}
