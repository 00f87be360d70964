import { AbortedError } from '@tenon/core'
import type { FinishReason, GenerationStats } from '@tenon/generation'
import type { Message } from './messages.js'
import type { ToolCall } from './tool-calls.js'

export interface AnswerResult {
  readonly text: string
  readonly finishReason: FinishReason
  /** The answer as a message, to be passed on with the next question. */
  readonly message: Message
  /** What tools the model wants to be called, where some were passed. What of the answer is no call is `message.content`. */
  readonly toolCalls: readonly ToolCall[]
  /** All that were asked for with `candidates` or `beams`, the likeliest first; `text` is the first. */
  readonly candidates: readonly { readonly text: string; readonly logprob: number; readonly finishReason: FinishReason }[]
  readonly stats: GenerationStats
}

/**
 * An answer under way. Iterating streams its text, once, and the pieces together are `text`; leaving the loop ends it. Both throw
 * what ended it.
 */
export interface Answer extends AsyncIterable<string> {
  /** Settles at the end, whether or not somebody iterates. */
  readonly result: Promise<AnswerResult>
}

/** Starts work that emits text, and lends it a signal that ends it when the caller's does, or when the loop over the text is left. */
export function answering(work: (emit: (text: string) => void, signal: AbortSignal) => Promise<AnswerResult>, signal: AbortSignal | undefined): Answer {
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
      throw ends.signal.aborted && (error as { readonly code?: unknown }).code !== 'TENON_ABORTED' ? new AbortedError(ends.signal.reason) : error
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
