import { listing } from '../nearest.js'
import { TenonError } from './tenon-error.js'

/** A task was asked for whose plugin was not passed. */
export class NoSuchTaskError extends TenonError {
  constructor({ name, available }: { name: string; available: readonly string[] }) {
    super({ code: 'TENON_NO_SUCH_TASK', message: `No plugin brings the task '${String(name)}'`, remedy: listing(name, available, 'task') })
  }
}
