import { TenonError } from '@tenon/core'

/** The documents that `tenon start` asks about come with the repository, not with the package. */
export class NoExamplesError extends TenonError {
  constructor(remedy: string) {
    super({ code: 'TENON_NO_EXAMPLES', message: 'The example documents are not part of the installed package', remedy })
  }
}
