import { readFileSync } from 'node:fs'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { fixture } from '../testing/reader-model.js'
import type { QuestionInContext, SpanAnswer } from './contracts.js'
import { questionAnswering } from './question-answering.js'

interface Case extends QuestionInContext {
  readonly options: object
  readonly answers: readonly SpanAnswer[]
}

const all = JSON.parse(readFileSync(fixture('reader/word-piece/expected.json'), 'utf8')) as readonly Case[]
const cases = all.filter(({ options }) => Object.keys(options).length === 0)

testTask({ describe, it, afterAll }, {
  create: () => questionAnswering(),
  plugins: () => [files(), onnx({ threads: 2 }), bert()],
  request: { model: fixture('reader/word-piece') },
  run: (ask, input: QuestionInContext, options) => ask(input, { maxQuestionLen: 1000, ...options }),
  batch: (ask, inputs, options) => ask(inputs, { maxQuestionLen: 1000, ...options }),
  cases: cases.map(({ question, context, answers }, index) => ({ name: `question ${index}`, input: { question, context }, expected: answers[0]! })),
  tolerance: 1e-5,
})
