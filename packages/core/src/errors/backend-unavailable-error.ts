import { TenonError } from './tenon-error.js'

/** A backend, or the device asked of it, does not run on this machine. */
export class BackendUnavailableError extends TenonError {
  constructor({ backend, reason, remedy, cause }: { backend: string; reason: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_BACKEND_UNAVAILABLE', message: `The backend '${backend}' is not available here: ${reason}`, remedy, cause })
  }
}
