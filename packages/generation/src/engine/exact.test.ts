import { quantizeWeights } from '@tenon/compress'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLlama } from './test-llama.js'

/** Weights in few bits round activations, and the smallest difference of a sum grows until other tokens are chosen. */
describe.each([4, 8] as const)('with weights in %i bits', (bits) => {
  let opened: Awaited<ReturnType<typeof openLlama>>
  beforeAll(async () => {
    opened = await openLlama(quantizeWeights({ bits, blockSize: 32, smallest: 0, prefill: 'same' }, 'decoder'))
  })
  afterAll(() => opened.dispose())

  it('says the same to the bit however a prompt is chunked and cached, and exactly what speculation says', { timeout: 60_000 }, async () => {
    expect(opened.decoder.nodes.some(({ op }) => op.endsWith('MatMulNBits'))).toBe(true)
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 3, max: 20 }), { minLength: 2, maxLength: 40 }), fc.integer({ min: 2, max: 9 }), async (prompt, chunkTokens) => {
        const [whole, chunked] = [opened.decode(), opened.decode({ chunkTokens })]
        const request = { prompt, maxNewTokens: 24, endTokens: [] }
        const plain = await whole.generate(request).result
        for (const result of [await chunked.generate(request).result, await chunked.generate(request).result]) expect([result.tokens, result.logprob]).toEqual([plain.tokens, plain.logprob])
        const exact = await whole.generate({ ...request, exact: true }).result
        const guessed = await chunked.generate({ ...request, speculation: { promptLookup: { shortest: 1 } } }).result
        expect([guessed.tokens, guessed.logprob]).toEqual([exact.tokens, exact.logprob])
        accepted += guessed.stats.acceptedTokens
      }),
      { numRuns: process.env['TENON_SOAK'] === '1' ? 300 : 12 },
    )
    expect(accepted).toBeGreaterThan(10)
  })
})
