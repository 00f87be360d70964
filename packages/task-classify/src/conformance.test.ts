import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { textClassification, zeroShotClassification, type Classification, type ClassifyInput } from './index.js'
import { fixture, readJson, tolerance } from './test-support.js'

const model = fixture('three-labels')
const plugins = () => [files(), onnx({ threads: 2 }), bert()]
const listed = (scores: Readonly<Record<string, number>>) => Object.entries(scores).map(([label, score]) => ({ label, score }))

interface Expected {
  readonly inputs: readonly ClassifyInput[]
  readonly cases: readonly { readonly options: object; readonly outputs: readonly Readonly<Record<string, number>>[] }[]
}

const { inputs, cases } = await readJson<Expected>('text-classification.json')
const { options: asked, outputs } = cases[0]!

testTask({ describe, it, afterAll }, {
  create: () => textClassification(),
  plugins,
  request: { model, batchTokens: 40 },
  run: (classify, input: ClassifyInput, options) => classify(input as string, { ...asked, ...options }),
  batch: (classify, all, options) => classify(all, { ...asked, ...options }),
  cases: inputs.map((input, index) => ({ name: `input ${index}`, input, expected: listed(outputs[index]!) })),
  tolerance,
})

testTask({ describe, it, afterAll }, {
  create: () => zeroShotClassification(),
  plugins,
  request: { model, batchTokens: 40, entailmentId: 2 },
  run: (classify, text: string, options) => classify(text, ['river', 'stone'], options),
  batch: (classify, texts, options) => classify(texts, ['river', 'stone'], options),
  cases: ['the light', 'hello'].map((text) => ({ name: text, input: text, check: (labels: readonly Classification[]) => labels.length === 2 && Math.abs(labels[0]!.score + labels[1]!.score - 1) < tolerance })),
})
