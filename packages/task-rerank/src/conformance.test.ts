import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { rerank, type RankedDocument } from './index.js'
import { fixture, tolerance } from './test-support.js'

const documents = ['The old bridge is warm in the light.', 'hello', '你好, 世界']

testTask({ describe, it, afterAll }, {
  create: () => rerank(),
  plugins: () => [files(), onnx({ threads: 2 }), bert()],
  request: { model: fixture('model'), batchTokens: 40 },
  run: (rank, query: string, options) => rank(query, documents, options),
  cases: ['Is the bridge old?', ''].map((query) => ({
    name: `'${query}'`,
    input: query,
    check: (ranked: readonly RankedDocument[]) => ranked.length === documents.length && ranked.every(({ index, score, document }, at) => document === documents[index] && score <= (ranked[at - 1]?.score ?? 1)),
  })),
  tolerance,
})
