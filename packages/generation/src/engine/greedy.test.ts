import { readFile } from 'node:fs/promises'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { weightOnly } from '@tenon/compress'
import { createRuntime, type Task } from '@tenon/core'
import { llama } from '@tenon/models/llama'
import { beforeAll, describe, expect, it } from 'vitest'
import { commonPrefix } from './common-prefix.js'
import type { Decoder } from './decoder.js'
import { openDecoder } from './open-decoder.js'

const model = process.env['TENON_SMOLLM2']
if (model === undefined) process.stderr.write('TENON_SMOLLM2 names no file: what SmolLM2-135M-Instruct.Q4_1.gguf writes is not compared with PyTorch\n')

interface Written {
  readonly text: string
  readonly ids: readonly number[]
  readonly tokens: readonly number[]
}

/** The decoder beneath the tasks, which takes ids. */
const decoding: Task<'decoding', object, () => Decoder> = {
  kind: 'task',
  version: 'v1',
  name: 'decoding',
  async create(context) {
    const decoder = await openDecoder(context, { where: 'the test', contextLength: 512, slots: 8 })
    return () => decoder
  },
}

describe.skipIf(model === undefined)('what SmolLM2 writes after 40 texts', () => {
  let texts: readonly Written[]
  beforeAll(async () => {
    texts = (JSON.parse(await readFile(new URL('../../fixtures/greedy.json', import.meta.url), 'utf8')) as { texts: Written[] }).texts
  })

  it.each([
    ['token for token, with the weights of its file in floats', { dequantize: true, identical: 40, prefix: 48 }],
    // What is left is the rounding of Q4_1 to 8 bits.
    ['mostly, with activations in 16 bits', { compress: { name: 'weight-only', smallest: Infinity, activations: 'int16', cache: false }, identical: 26, prefix: 36 }],
    ['often, as it opens', { identical: 8, prefix: 20 }],
  ] as const)('is what PyTorch writes %s', { timeout: 300_000 }, async (_, options) => {
    await using runtime = createRuntime({ plugins: [files({ dequantize: 'dequantize' in options }), onnx(), llama(), weightOnly(), decoding] })
    const decoder = (await runtime.task('decoding', { model: model!, ...('compress' in options && { compress: options.compress }) }))()
    const prefixes = await Promise.all(
      texts.map(async ({ text, ids, tokens }) => {
        const encoded = await decoder.tokenizer.encode(text, { addSpecialTokens: false })
        expect(Array.from(encoded.ids, Number)).toEqual(ids)
        const { tokens: found } = await decoder.generate({ prompt: ids, maxNewTokens: tokens.length, endTokens: [] }).result
        return commonPrefix(found, tokens)
      }),
    )
    const mean = prefixes.reduce((sum, each) => sum + each, 0) / prefixes.length
    const identical = prefixes.filter((each) => each === 48).length
    const told = `${prefixes.length} texts, tokens alike: ${prefixes.join(' ')}`
    expect(identical, `${told}`).toBeGreaterThanOrEqual(options.identical)
    expect(mean, `${told}`).toBeGreaterThanOrEqual(options.prefix)
  })
})
