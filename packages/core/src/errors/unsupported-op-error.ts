import { TenonError } from './tenon-error.js'

/** Neither the backend nor a decomposition can run a node; `reason` says why, where it is not the operator alone. */
export class UnsupportedOpError extends TenonError {
  readonly op: string

  constructor({ op, node, backend, reason, cause }: { op: string; node: string; backend: string; reason?: string; cause?: unknown }) {
    super({
      code: 'TENON_UNSUPPORTED_OP',
      message: `The backend '${backend}' cannot run ${op} (the node that makes '${node}')${reason === undefined ? `, and ${op} has no decomposition` : `: ${reason}`}`,
      remedy: reason === undefined ? 'Choose another backend for this task, or give the op a decomposition' : 'Choose another backend for this task, or cast to other types',
      cause,
    })
    this.op = op
  }
}
