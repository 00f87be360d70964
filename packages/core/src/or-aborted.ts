import { AbortedError, throwIfAborted } from './errors/aborted-error.js'

/**
 * Waits for work that nothing has to be freed of, and that others wait for too, no longer than until the abort.
 * @throws AbortedError
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  throwIfAborted(signal)
  if (signal === undefined) return work
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new AbortedError(signal.reason))
    signal.addEventListener('abort', stop)
  })
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop))
}
