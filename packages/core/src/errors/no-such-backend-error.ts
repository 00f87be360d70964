import { listing } from '../nearest.js'
import { TenonError } from './tenon-error.js'

/** A backend was asked for whose plugin was not passed. */
export class NoSuchBackendError extends TenonError {
  constructor({ name, available }: { name: string; available: readonly string[] }) {
    super({ code: 'TENON_NO_SUCH_BACKEND', message: `No plugin brings the backend '${String(name)}'`, remedy: listing(name, available, 'backend') })
  }
}
