import { AbortedError } from './errors/aborted-error.js'

/**
 * Waits for work that nobody can stop no longer than until the abort: it goes on, and what becomes of it is nobody's. So nothing may have
 * to be freed of it.
 * @throws AbortedError
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError(signal.reason))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
