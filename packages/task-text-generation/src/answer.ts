import type { FinishReason, GenerationStats, Streamed } from '@tenon/generation'
import type { Message } from './messages.js'
import type { ToolCall } from './tool-calls.js'

export interface AnswerCandidate {
  readonly text: string
  readonly finishReason: FinishReason
  /** The sum of its tokens' log probabilities, where there are several, or `logprobs` are asked for. */
  readonly logprob?: number
}

export interface AnswerResult {
  readonly text: string
  readonly finishReason: FinishReason
  /** The answer as a message, to be passed on with the next question. */
  readonly message: Message
  /** What tools the model wants to be called, where some were passed. What of the answer is no call is `message.content`. */
  readonly toolCalls: readonly ToolCall[]
  /** All that were asked for with `candidates` or `beams`, the likeliest first; `text` is the first. */
  readonly candidates: readonly AnswerCandidate[]
  readonly stats: GenerationStats
}

/**
 * An answer under way. Iterating streams its text, once, and the pieces together are `text`; leaving the loop ends it. Both throw
 * what ended it.
 */
export type Answer = Streamed<AnswerResult>
