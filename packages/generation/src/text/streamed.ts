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
  const pulls: (() => void)[] = []
  let [ended, iterated, asked, left] = [false, false, false, false]
  const wake = () => {
    for (const pull of pulls.splice(0)) pull()
  }
  let held: Promise<void> | undefined
  let resume = () => {}
  ends.signal.addEventListener('abort', () => resume())
  const emit = (text: string): Promise<void> | undefined => {
    if (text === '' || left) return undefined
    pieces.push(text)
    wake()
    if (!iterated || asked || pieces.length < AHEAD || ends.signal.aborted) return undefined
    return (held ??= new Promise((resolve) => {
      resume = () => {
        held = undefined
        resolve()
      }
    }))
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

  const waits = () => pieces.length === 0 && !ended && !left
  async function next(): Promise<IteratorResult<string, undefined>> {
    while (waits()) await new Promise<void>((resolve) => pulls.push(resolve))
    const piece = pieces.shift()
    if (piece === undefined) {
      if (!left) {
        left = true // told once
        await result
      }
      return { done: true, value: undefined }
    }
    if (pieces.length < AHEAD) resume()
    return { done: false, value: piece }
  }

  /** No generator: it would end the work no sooner than the piece came that was pulled before. */
  async function leave(): Promise<IteratorResult<string, undefined>> {
    left = true
    pieces.length = 0
    ends.abort()
    wake()
    return { done: true, value: undefined }
  }

  return {
    get result() {
      asked = true
      resume()
      return result
    },
    [Symbol.asyncIterator]() {
      iterated = true
      return { next, return: leave }
    },
  }
}
