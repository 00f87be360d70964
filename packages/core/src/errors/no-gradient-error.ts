import { TenonError } from './tenon-error.js'

/** What is differentiated goes through a node that nobody knows how to differentiate. */
export class NoGradientError extends TenonError {
  readonly op: string

  constructor({ op, node }: { op: string; node: string }) {
    super({
      code: 'TENON_NO_GRADIENT',
      message: `${op} (the node that makes '${node}') has no gradient`,
      remedy: `Give the record of ${op} a gradient rule or a decomposition, or differentiate with respect to values that come after it`,
    })
    this.op = op
  }
}
