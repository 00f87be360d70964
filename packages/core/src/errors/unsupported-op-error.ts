import type { Backend } from '../backend.js'
import { TenonError } from './tenon-error.js'

interface UnsupportedOpFields {
  readonly op: string
  /** What the node makes. */
  readonly node: string
  readonly backend: string
  /** What else in the graph it cannot run. */
  readonly others?: readonly string[]
  /** Why, where it is not the operator alone. */
  readonly reason?: string
  /** Whether another backend has kernels for all of these nodes. */
  readonly isSupportedBy?: (backend: Pick<Backend, 'supports'>) => boolean
  /** Backends that were passed, too, and could; `undefined` where nobody has asked them. */
  readonly could?: readonly string[]
  readonly cause?: unknown
}

/** Neither the backend nor a decomposition can run a node. */
export class UnsupportedOpError extends TenonError {
  readonly op: string
  readonly node: string
  readonly backend: string
  readonly others: readonly string[]
  readonly isSupportedBy: UnsupportedOpFields['isSupportedBy']
  readonly #reason: string | undefined

  constructor({ op, node, backend, others = [], reason, isSupportedBy, could, cause }: UnsupportedOpFields) {
    super({
      code: 'TENON_UNSUPPORTED_OP',
      message: `The backend '${backend}' cannot run ${op} (the node that makes '${node}')${reason === undefined ? `, and ${op} has no decomposition` : `: ${reason}`}${others.length === 0 ? '' : `; nor can it run ${others.join(', ')}`}`,
      remedy: remedyOf(reason, could),
      cause,
    })
    this.op = op
    this.node = node
    this.backend = backend
    this.others = others
    this.isSupportedBy = isSupportedBy
    this.#reason = reason
  }

  /** The same, with what the other backends of a runtime say: who could run the nodes. */
  among(backends: readonly Pick<Backend, 'name' | 'supports'>[]): UnsupportedOpError {
    const { op, node, backend, others, isSupportedBy, cause } = this
    if (isSupportedBy === undefined) return this
    const could = backends.filter((each) => each.name !== backend && isSupportedBy(each)).map(({ name }) => name)
    const Again = this.constructor as typeof UnsupportedOpError // a class that names itself is renamed by bundlers, and so are its errors
    return new Again({ op, node, backend, others, isSupportedBy, could, cause, ...(this.#reason !== undefined && { reason: this.#reason }) })
  }
}

function remedyOf(reason: string | undefined, could: readonly string[] | undefined): string {
  const own = reason === undefined ? 'give this one a kernel, or the op a decomposition' : 'cast to other types'
  if (could === undefined) return `Choose another backend for this task, or ${own}`
  if (could.length === 0) return `No other backend that was passed can run it: pass one that does, or ${own}`
  return `Choose ${could.map((name) => `'${name}'`).join(' or ')} for this task, which can run it, or ${own}`
}
