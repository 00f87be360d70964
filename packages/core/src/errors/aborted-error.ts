import { TenonError } from './tenon-error.js'

/** Work was stopped by its AbortSignal. Named `AbortError`, as the platform's own; `cause` is the signal's reason. */
export class AbortedError extends TenonError {
  constructor(reason: unknown) {
    super({ code: 'TENON_ABORTED', message: 'The work was aborted', remedy: 'Nothing is left half done: call again to start over', cause: reason })
    this.name = 'AbortError'
  }

  static override isInstance(error: unknown): error is AbortedError {
    return super.isInstance(error) && error.code === 'TENON_ABORTED'
  }
}

/** @throws AbortedError when the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError(signal.reason)
}
