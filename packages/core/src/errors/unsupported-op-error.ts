import { TenonError } from './tenon-error.js'

/** Neither the backend nor a decomposition can run a node; `reason` says why, where it is not the operator alone. */
export class UnsupportedOpError extends TenonError {
  readonly op: string
  /** What else in the graph it cannot run. */
  readonly others: readonly string[]

  constructor({ op, node, backend, others = [], reason, cause }: { op: string; node: string; backend: string; others?: readonly string[]; reason?: string; cause?: unknown }) {
    super({
      code: 'TENON_UNSUPPORTED_OP',
      message: `The backend '${backend}' cannot run ${op} (the node that makes '${node}')${reason === undefined ? `, and ${op} has no decomposition` : `: ${reason}`}${others.length === 0 ? '' : `; nor can it run ${others.join(', ')}`}`,
      remedy: reason === undefined ? 'Choose another backend for this task, or give this one a kernel, or the op a decomposition' : 'Choose another backend for this task, or cast to other types',
      cause,
    })
    this.op = op
    this.others = others
  }
}
