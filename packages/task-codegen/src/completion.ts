import type { GenerationStats, Streamed } from '@tenon/generation'
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
export type Completion = Streamed<CompletionResult>
