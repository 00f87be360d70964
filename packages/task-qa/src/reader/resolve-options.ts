import { checkOptions, InvalidOptionError } from '@tenon/core'
import type { AnswerOptions, ReadOptions } from './contracts.js'

export const WHERE = "the task 'question-answering'"

/** All that a call is asked for. */
export interface ResolvedOptions {
  readonly topK: number
  readonly maxSeqLen: number
  /** `undefined` for the default, which makes room for long questions. */
  readonly docStride: number | undefined
  readonly maxQuestionLen: number
  readonly maxAnswerLen: number
  readonly handleImpossibleAnswer: boolean
  readonly alignToWords: boolean
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((done: number, total: number) => void) | undefined
}

export const readOptionNames = ['maxSeqLen', 'docStride', 'maxQuestionLen', 'maxAnswerLen', 'handleImpossibleAnswer', 'alignToWords'] as const satisfies readonly (keyof ReadOptions)[]

/** What BERT was fine-tuned with on SQuAD, and the pipeline's defaults since. */
const usual = { maxSeqLen: 384, maxQuestionLen: 64, maxAnswerLen: 15 } as const

/**
 * The options of a call over those of the task.
 * @param limit Tokens that the model reads.
 * @throws InvalidOptionError
 */
export function resolveOptions(defaults: ReadOptions, call: AnswerOptions & { readonly topK?: number }, limit: number): ResolvedOptions {
  checkOptions(WHERE, call, [...readOptionNames, 'topK', 'signal', 'onProgress'])
  const { topK = 1, maxSeqLen = Math.min(usual.maxSeqLen, limit), maxQuestionLen = usual.maxQuestionLen, maxAnswerLen = usual.maxAnswerLen, docStride, handleImpossibleAnswer = false, alignToWords = true, signal, onProgress } = { ...defaults, ...call }
  for (const [option, value, least] of [['topK', topK, 1], ['maxSeqLen', maxSeqLen, 1], ['maxQuestionLen', maxQuestionLen, 1], ['maxAnswerLen', maxAnswerLen, 1], ['docStride', docStride ?? 0, 0]] as const) {
    if (!Number.isInteger(value) || value < least) throw refused(option, `is ${value}`, `Give a whole number from ${least} on`)
  }
  for (const [option, value] of [['handleImpossibleAnswer', handleImpossibleAnswer], ['alignToWords', alignToWords]] as const) {
    if (typeof value !== 'boolean') throw refused(option, `is ${String(value)}`, 'Give true or false')
  }
  if (maxSeqLen > limit) throw refused('maxSeqLen', `is ${maxSeqLen}, and the model reads ${limit} tokens`, 'Leave it out: long contexts are read in windows')
  if (docStride !== undefined && docStride >= maxSeqLen) throw refused('docStride', `is ${docStride}, not less than maxSeqLen (${maxSeqLen})`, 'Give a stride that leaves each window something new')
  return { topK, maxSeqLen, docStride, maxQuestionLen, maxAnswerLen, handleImpossibleAnswer, alignToWords, signal, onProgress }
}

const refused = (option: string, problem: string, remedy: string) => new InvalidOptionError({ where: WHERE, option, problem, remedy })
