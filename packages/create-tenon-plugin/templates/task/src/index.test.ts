import { createRuntime } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { pluginFunction } from './index.js'

const model = '@tenon/model-all-minilm-l6-v2'
const texts = ['A chisel is sharpened on a stone', 'The kitten sleeps on the sofa', 'Oak dries for years']

testTask({ describe, it, afterAll }, {
  create: () => pluginFunction(),
  plugins: () => [files(), bert(), onnx({ threads: 1 })],
  request: { model },
  run: (nearest, query: string, options) => nearest(query, texts, options),
  cases: [
    { name: 'a paraphrase', input: 'A cat takes a nap', check: ([best]) => best?.index === 1 && best.score > 0.4 },
    { name: 'a question', input: 'How long must wood dry?', check: (matches) => matches[0]?.text === texts[2] && matches.length === 3 },
    { name: 'one of the texts', input: texts[0]!, check: ([best]) => best?.index === 0 && Math.abs(best.score - 1) < 1e-4 },
  ],
})

describe('a wrong input', () => {
  it('is told by its place, before anything is computed', async () => {
    await using runtime = createRuntime({ plugins: [files(), bert(), onnx({ threads: 1 }), pluginFunction()] })
    const nearest = await runtime.task('plugin-name', { model })
    await expect(nearest('a cat', ['a kitten', 5 as unknown as string])).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringContaining('Text 1 is number') })
  })
})
