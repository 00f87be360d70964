import { TenonError } from './tenon-error.js'

/** A model exists, without the branch, tag or commit that was asked for. */
export class NoSuchRevisionError extends TenonError {
  readonly revision: string

  constructor({ model, revision }: { model: string; revision: string }) {
    super({ code: 'TENON_NO_SUCH_REVISION', message: `The model '${model}' has no revision '${revision}'`, remedy: "Name one of its branches, tags or commits, or leave it out for 'main'" })
    this.revision = revision
  }
}
