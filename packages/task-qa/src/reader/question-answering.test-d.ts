import { createRuntime } from '@tenon/core'
import { questionAnswering, type QuestionInContext, type SpanAnswer } from '../index.js'

const runtime = createRuntime({ plugins: [questionAnswering()] })
const ask = await runtime.task('question-answering', { model: 'a', docStride: 64, batchTokens: 512 })
declare const one: QuestionInContext
declare const several: readonly QuestionInContext[]
declare const count: number

export const answer: SpanAnswer = await ask(one, { maxAnswerLen: 30, signal: new AbortController().signal })
export const best: SpanAnswer[] = await ask(one, { topK: count })
export const answers: SpanAnswer[] = await ask(several)
export const bests: SpanAnswer[][] = await ask(several, { topK: 3 })
export const { answer: text, score, start, end } = answer

// @ts-expect-error one question has one answer
export const list: SpanAnswer[] = await ask(one)
// @ts-expect-error with topK there are several
export const single: SpanAnswer = await ask(one, { topK: 3 })
// @ts-expect-error no context
await ask({ question: 'Who?' })
// @ts-expect-error a string is no question in its context
await ask('Who?')
// @ts-expect-error an option that does not exist
await ask(one, { top_k: 3 })
// @ts-expect-error of a call, not of the task
await runtime.task('question-answering', { model: 'a', topK: 3 })
