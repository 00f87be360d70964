import { AbortedError } from '@tenon/core'

/**
 * Text under way. Iterating streams it, once; leaving the loop ends the work. Both throw what ended it.
 */
export interface Streamed<Result> extends AsyncIterable<string> {
  /** Settles at the end, whether or not somebody iterates. */
  readonly result: Promise<Result>
}

/**
 * Starts work that emits text, and lends it a signal that ends it when the caller's does, or when the loop over the text is left: what the
 * tasks of decoders give back.
 */
export function streamed<Result>(work: (emit: (text: string) => void, signal: AbortSignal) => Promise<Result>, signal: AbortSignal | undefined): Streamed<Result> {
  const ends = new AbortController()
  const stop = () => ends.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener?.('abort', stop, { once: true }) // what is no signal, the work will tell
  const pieces: string[] = []
  let ended = false
  let wake = () => {}
  const emit = (text: string) => {
    if (text === '') return
    pieces.push(text)
    wake()
  }
  const result = Promise.resolve()
    .then(() => work(emit, ends.signal))
    .catch((error: unknown) => {
      throw ends.signal.aborted && !AbortedError.isInstance(error) ? new AbortedError(ends.signal.reason) : error
    })
    .finally(() => {
      signal?.removeEventListener?.('abort', stop)
      ended = true
      wake()
    })
  result.catch(() => undefined) // nobody needs to look at it
  return {
    result,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (pieces.length > 0) yield pieces.shift()!
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
