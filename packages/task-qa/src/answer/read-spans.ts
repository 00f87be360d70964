import { throwIfAborted, type StoredPassage } from '@tenon/core'
import type { AnswerSentence } from '../contracts.js'
import type { QuestionAnswerer } from '../reader/contracts.js'
import { originalPlace } from '../split/original-place.js'
import { wellFormed } from '../well-formed.js'

/** The best sentence of a passage, and the passage. */
export interface ReadPassage {
  readonly sentence: AnswerSentence
  readonly passage: StoredPassage
}

/**
 * The words that answer in place of the sentences that do. The score is the geometric mean of two probabilities, that the
 * passage answers and that these are the words if it does: half when both are half, and low when either is.
 */
export async function readSpans(read: QuestionAnswerer, question: string, passages: readonly ReadPassage[], signal: AbortSignal | undefined): Promise<AnswerSentence[]> {
  throwIfAborted(signal)
  // A passage without an answer makes no span likely: the null answer itself would have no place.
  const spans = await read(passages.map(({ passage }) => ({ question, context: wellFormed(passage.text) })), { handleImpossibleAnswer: false, ...(signal && { signal }) })
  return passages.map(({ sentence, passage }, index) => {
    const span = spans[index]!
    const { answer, score, start, end } = sentence
    const found = span.start < span.end ? { answer: passage.text.slice(span.start, span.end), ...originalPlace(passage, span.start, span.end) } : { answer, start, end }
    return { ...sentence, ...found, score: Math.sqrt(score * span.score), spanScore: span.score, sentence: { answer, score, start, end } }
  })
}
