import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRuntime } from '@tenon/core'
import { files, openFolder } from '@tenon/checkpoint'
import { lower } from '@tenon/graph/passes'
import { testBackend, testModel, testTask } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { alike, bagOfWords, toy } from './index.js'
import { kernels } from './kernels.js'
import { writeWords } from './test-support.js'

const model = await mkdtemp(join(tmpdir(), 'tenon-toy-'))
await writeWords(model)
afterAll(() => rm(model, { recursive: true }))

testBackend({ describe, it, afterAll }, { create: () => toy(), devices: ['cpu'] })

testModel({ describe, it, afterAll }, { create: () => bagOfWords(), fixtures: [{ name: 'words', head: 'text', folder: model }], backend: () => toy() })

testTask({ describe, it, afterAll }, {
  create: () => alike(),
  plugins: () => [toy(), bagOfWords(), files()],
  request: { model },
  run: (alike, [one, other]: readonly [string, string], options) => alike(one, other, options),
  cases: [
    { name: 'the same text', input: ['a cat', 'a cat'], expected: 1 },
    { name: 'the same words in another order', input: ['a cat a saw', 'a saw a cat'], expected: 1 },
    { name: 'texts about one thing', input: ['a cat', 'a kitten'], check: (score) => score > 0.9 },
    { name: 'texts about others', input: ['a cat', 'a chisel'], check: (score) => score < 0 },
  ],
})

describe('the toy backend', () => {
  it('has five kernels and Identity, to which the whole model comes down', async () => {
    expect(Object.keys(kernels).toSorted()).toEqual(['Add', 'Gather', 'Identity', 'Mul', 'Pow', 'ReduceSum'])
    await using checkpoint = await openFolder(model)
    const { model: graph } = await bagOfWords().build(checkpoint, { head: 'text' })
    const lowered = lower(toy()).apply(graph!)
    expect(graph!.nodes.map(({ op }) => op)).toEqual(['Gather', 'ReduceSum', 'LayerNormalization'])
    expect([...new Set(lowered.nodes.map(({ op }) => op))].toSorted()).toEqual(['Add', 'Gather', 'Mul', 'Pow', 'ReduceSum'])
  })
})

describe('the toy task', () => {
  it('tells a wrong input by its place', async () => {
    await using runtime = createRuntime({ plugins: [toy(), bagOfWords(), files(), alike()] })
    const compare = await runtime.task('alike', { model, backend: 'toy' })
    await expect(compare('a cat', 5 as unknown as string)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringContaining('Text 1 is number') })
  })
})
