import { readFileSync } from 'node:fs'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { tokenClassification, type Classified, type ClassifyTokensOptions } from './index.js'
import { fixture } from './test-support.js'

type Entity = Classified<'none'> | Classified<'first'>

interface Case {
  readonly text: string
  readonly options: ClassifyTokensOptions
  readonly entities: readonly Entity[]
}

const all = JSON.parse(readFileSync(fixture('word-piece/expected.json'), 'utf8')) as readonly Case[]
const strategy = 'first'
const cases = all.filter(({ options }) => JSON.stringify(options) === JSON.stringify({ aggregationStrategy: strategy }))

testTask({ describe, it, afterAll }, {
  create: () => tokenClassification(),
  plugins: () => [files(), onnx({ threads: 2 }), bert()],
  request: { model: fixture('word-piece'), batchTokens: 60 },
  run: (classify, text: string, options): Promise<readonly Entity[]> => classify(text, { aggregationStrategy: strategy, ...options }),
  batch: (classify, texts, options): Promise<readonly (readonly Entity[])[]> => classify(texts, { aggregationStrategy: strategy, ...options }),
  cases: cases.map(({ text, entities }, index) => ({ name: `text ${index}`, input: text, expected: entities })),
  tolerance: 1e-5,
})
