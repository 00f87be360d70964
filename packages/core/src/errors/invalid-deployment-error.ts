import { TenonError } from './tenon-error.js'

/** A deployment says something that cannot be meant. `path` is where, `'roles.embedding.backend.device'`. */
export class InvalidDeploymentError extends TenonError {
  readonly path: string

  constructor({ path, problem, remedy, cause }: { path: string; problem: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_INVALID_DEPLOYMENT', message: `The deployment${path === '' ? '' : `'s '${path}'`} ${problem}`, remedy, cause })
    this.path = path
  }
}
