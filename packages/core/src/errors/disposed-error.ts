import { TenonError } from './tenon-error.js'

/** Something was used after it was disposed of. */
export class DisposedError extends TenonError {
  constructor({ what }: { what: string }) {
    super({ code: 'TENON_DISPOSED', message: `The ${what} was used after its disposal`, remedy: 'Create another, or dispose later' })
  }
}
