import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { embedding, sentenceSimilarity } from './index.js'
import { fixture, readJson, type Matrix } from './test-support.js'

const model = mkdtempSync(join(tmpdir(), 'tenon-embedding-'))
for (const layer of ['base', 'mean-normalize/new']) cpSync(fixture(`pooling/${layer}`), model, { recursive: true })
afterAll(() => rmSync(model, { recursive: true }))

const { texts } = await readJson<{ texts: readonly string[] }>('pooling/texts.json')
const { embeddings } = await readJson<{ embeddings: Matrix }>('pooling/mean-normalize/expected.json')
const [, width] = embeddings.shape
const plugins = () => [files(), onnx({ threads: 2 }), bert()]

testTask({ describe, it, afterAll }, {
  create: () => embedding(),
  plugins,
  request: { model, batchTokens: 40 },
  run: (embed, text: string, options) => embed(text, options),
  batch: (embed, all, options) => embed(all, options),
  cases: texts.map((text, index) => ({ name: `text ${index}`, input: text, expected: Float32Array.from(embeddings.data.slice(index * width, (index + 1) * width)) })),
})

testTask({ describe, it, afterAll }, {
  create: () => sentenceSimilarity(),
  plugins: () => [...plugins(), embedding()],
  request: { model },
  run: (similarity, { source, sentences }: { source: string; sentences: readonly string[] }, options) => similarity(source, sentences, options),
  cases: [
    { name: 'of a sentence with itself', input: { source: 'hello', sentences: ['hello'] }, expected: [1] },
    { name: 'of none', input: { source: 'hello', sentences: [] }, expected: [] },
  ],
})
