import { readFile } from 'node:fs/promises'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { weightOnly } from '@tenon/compress'
import { createRuntime, type Task } from '@tenon/core'
import { llama } from '@tenon/models/llama'
import { describe, expect, it } from 'vitest'
import type { Decoder } from './decoder.js'
import { openDecoder } from './open-decoder.js'

const model = process.env['TENON_SMOLLM2']
if (model === undefined) process.stderr.write('TENON_SMOLLM2 names no file: the perplexity of SmolLM2-135M-Instruct.Q4_1.gguf is not tested\n')

/** The decoder beneath the tasks, which takes ids. */
const scoring: Task<'scoring', object, () => Decoder> = {
  kind: 'task',
  version: 'v1',
  name: 'scoring',
  async create(context) {
    const decoder = await openDecoder(context, { where: 'the test', contextLength: 512 })
    return () => decoder
  },
}

describe.skipIf(model === undefined)('the perplexity of SmolLM2', () => {
  it.each([
    ['with the weights of its file in floats', { dequantize: true, allowed: 0.0001 }],
    // What is left is the rounding of Q4_1 to 8 bits, 0.03 of a logarithm for each token: 0.2 % over these, 0.01 % over 5,110 (docs/benchmarks.md).
    ['with activations in 16 bits', { compress: { name: 'weight-only', smallest: Infinity, activations: 'int16', cache: false }, allowed: 0.003 }],
    ['as it opens', { allowed: 0.01 }],
  ] as const)('%s is what PyTorch finds for the dequantised weights', { timeout: 300_000 }, async (_, options) => {
    const { windows, perplexity } = JSON.parse(await readFile(new URL('../../fixtures/perplexity.json', import.meta.url), 'utf8')) as { windows: number[][]; perplexity: number }
    await using runtime = createRuntime({ plugins: [files({ dequantize: 'dequantize' in options }), onnx(), llama(), weightOnly(), scoring] })
    const decoder = (await runtime.task('scoring', { model: model!, ...('compress' in options && { compress: options.compress }) }))()
    const logprobs: number[] = []
    for (const window of windows) logprobs.push(...(await decoder.score(window)))
    expect(logprobs).toHaveLength(1022)
    const found = Math.exp(-logprobs.reduce((sum, each) => sum + each, 0) / logprobs.length)
    expect(Math.abs(found / perplexity - 1), `${found} for ${perplexity}`).toBeLessThan(options.allowed)
  })
})
