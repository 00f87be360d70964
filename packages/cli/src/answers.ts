import type { Answer, AnswerSentence } from '@tenon/task-qa'
import type { Locator, Place } from './locate.js'

/** A sentence, and where it stands in its file. */
export type LocatedSentence = AnswerSentence & Partial<Place>

/** A question and what was found, with the places that editors jump to. */
export interface LocatedAnswer {
  readonly question: string
  readonly found: boolean
  /** Of the best sentence there was. */
  readonly score: number
  readonly answer: LocatedSentence | undefined
  readonly alternatives: readonly LocatedSentence[]
  readonly milliseconds: number
}

export async function locate(question: string, answer: Answer, milliseconds: number, placeOf: Locator): Promise<LocatedAnswer> {
  const located = async (sentence: AnswerSentence): Promise<LocatedSentence> => ({ ...sentence, ...(await placeOf(sentence.source, sentence.start)) })
  return {
    question,
    found: answer.found,
    score: answer.score,
    answer: answer.found ? await located(answer) : undefined,
    alternatives: await Promise.all(answer.alternatives.map(located)),
    milliseconds,
  }
}

/** The sentence as `--json` prints it: see the README. */
const sentenceJson = ({ answer, score, source, line, column, start, end, passage, spanScore, sentence }: LocatedSentence) => ({
  answer,
  score,
  source,
  line,
  column,
  start,
  end,
  headings: passage.headings,
  passage: { text: passage.text, start: passage.start, end: passage.end },
  ...(sentence !== undefined && { spanScore, sentence }),
})

/** An answer as `--json` prints it: see the README. */
export const answerJson = ({ question, found, score, answer, alternatives, milliseconds }: LocatedAnswer) => ({
  question,
  found,
  ...(answer === undefined ? { answer: null, score } : sentenceJson(answer)),
  alternatives: alternatives.map(sentenceJson),
  milliseconds,
})
