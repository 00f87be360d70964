import { AbortedError } from '@tenon/core'
import type { GenerationStats } from '@tenon/generation'
import type { PromptContext } from './prompt/prompter.js'
import type { Candidate, FinishReason } from './ranking/rank.js'

export interface CompletionResult {
  /** What is to be written at the cursor. */
  readonly text: string
  /** All that were made and differ, the best first: `text` is the first one's. */
  readonly candidates: readonly Candidate[]
  readonly finishReason: FinishReason
  /** Of all candidates together. */
  readonly stats: GenerationStats
  /** What of the input the model was shown. */
  readonly context: PromptContext
}

/**
 * A completion under way. Iterating streams its text, once, and the pieces together are `text`; leaving the loop cancels it. Both
 * throw what ended it.
 */
export interface Completion extends AsyncIterable<string> {
  /** Settles at the end, whether or not somebody iterates. */
  readonly result: Promise<CompletionResult>
}

/** Starts work that emits text, and lends it a signal that ends it when the caller's does, or when the loop over the text is left. */
export function completion(work: (emit: (text: string) => void, signal: AbortSignal) => Promise<CompletionResult>, signal: AbortSignal | undefined): Completion {
  const left = new AbortController()
  const pieces: string[] = []
  let wake = () => {}
  let ended = false
  const emit = (text: string) => {
    if (text === '') return
    pieces.push(text)
    wake()
  }
  const ends = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])
  const result = work(emit, ends)
    .catch((error: unknown) => {
      throw ends.aborted && !AbortedError.isInstance(error) ? new AbortedError(ends.reason) : error
    })
    .finally(() => {
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
        left.abort()
      }
    },
  }
}
