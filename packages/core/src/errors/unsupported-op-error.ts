import { TenonError } from './tenon-error.js'

/** Neither the backend nor a decomposition can run a node. */
export class UnsupportedOpError extends TenonError {
  readonly op: string

  constructor({ op, node, backend }: { op: string; node: string; backend: string }) {
    super({
      code: 'TENON_UNSUPPORTED_OP',
      message: `The backend '${backend}' cannot run ${op} (the node that makes '${node}'), and ${op} has no decomposition`,
      remedy: 'Choose another backend for this task, or give the op a decomposition',
    })
    this.op = op
  }
}
