import { TenonError } from './tenon-error.js'

/** The library beneath a backend failed: its own words are in the message. */
export class BackendError extends TenonError {
  constructor({ backend, doing, problem, remedy, cause }: { backend: string; doing: string; problem: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_BACKEND_FAILED', message: `The backend '${backend}' failed while ${doing}: ${problem}`, remedy, cause })
  }

  static override isInstance(error: unknown): error is BackendError {
    return super.isInstance(error) && error.code === 'TENON_BACKEND_FAILED'
  }
}
