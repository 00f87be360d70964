import { TenonError } from './tenon-error.js'

/** Something exists, and whoever asks may not have it: a gated model, a token that is not accepted. */
export class AccessDeniedError extends TenonError {
  constructor({ what, problem, remedy }: { what: string; problem: string; remedy: string }) {
    super({ code: 'TENON_ACCESS_DENIED', message: `${what} ${problem}`, remedy })
  }
}
