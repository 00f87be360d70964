import { TenonError } from '@tenon/core'

/** The command was not called as it is meant to be. */
export class UsageError extends TenonError {
  constructor({ message, remedy }: { message: string; remedy: string }) {
    super({ code: 'TENON_USAGE', message, remedy })
  }
}
