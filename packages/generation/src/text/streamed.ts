import { AbortedError } from '@tenon/core'

/** How many pieces work may be ahead of whoever iterates them. */
const AHEAD = 32

/**
 * Text under way. Iterating streams it, once; leaving the loop ends the work. Who stops pulling holds it up, until more is pulled or
 * `result` is asked for. Both throw what ended it.
 */
export interface Streamed<Result> extends AsyncIterable<string> {
  /** Settles at the end, whether or not somebody iterates. */
  readonly result: Promise<Result>
}

/**
 * Starts work that emits text, and lends it a signal that ends it when the caller's does, or when the loop over the text is left: what the
 * tasks of decoders give back.
 * @param work May be told to wait by `emit`. When it has failed, its signal ends what it left under way.
 */
export function streamed<Result>(work: (emit: (text: string) => Promise<void> | undefined, signal: AbortSignal) => Promise<Result>, given: AbortSignal | undefined): Streamed<Result> {
  const signal = typeof given?.addEventListener === 'function' ? given : undefined // what is no signal, the work will refuse
  const ends = new AbortController()
  const stop = () => ends.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop, { once: true })
  const pieces: string[] = []
  let [ended, iterated, asked] = [false, false, false]
  let wake = () => {}
  let resume = () => {}
  ends.signal.addEventListener('abort', () => resume())
  const emit = (text: string): Promise<void> | undefined => {
    if (text === '') return undefined
    pieces.push(text)
    wake()
    if (!iterated || asked || pieces.length < AHEAD || ends.signal.aborted) return undefined
    return new Promise((resolve) => (resume = resolve))
  }
  const result = Promise.resolve()
    .then(() => work(emit, ends.signal))
    .catch((error: unknown) => {
      throw ends.signal.aborted && !AbortedError.isInstance(error) ? new AbortedError(ends.signal.reason) : error
    })
    .finally(() => {
      signal?.removeEventListener('abort', stop)
      ended = true
      ends.abort()
      wake()
    })
  result.catch(() => undefined) // nobody needs to look at it
  return {
    get result() {
      asked = true
      resume()
      return result
    },
    async *[Symbol.asyncIterator]() {
      iterated = true
      try {
        for (;;) {
          while (pieces.length > 0) {
            yield pieces.shift()!
            if (pieces.length < AHEAD) resume()
          }
          if (ended) break
          await new Promise<void>((resolve) => (wake = resolve))
        }
        await result
      } finally {
        ends.abort()
      }
    },
  }
}
