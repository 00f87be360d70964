import { quantizeWeights } from '@tenon/compress'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openLlama } from './test-llama.js'

const SOAK = process.env['TENON_SOAK'] === '1'

const said = ({ tokens, logprob }: { readonly tokens: readonly number[]; readonly logprob: number }) => [tokens, logprob]

/** Weights in few bits round activations, and the smallest difference of a sum grows until other tokens are chosen. */
describe.each([[4, 'same'], [8, 'same'], [4, 'int8'], [8, 'int8']] as const)('with weights in %i bits, prompts read by %s', (bits, prefill) => {
  let opened: Awaited<ReturnType<typeof openLlama>>
  beforeAll(async () => {
    const pass = (role: string) => quantizeWeights({ bits, blockSize: 32, smallest: 0, prefill }, role)
    opened = await openLlama(pass('decoder'), {}, prefill === 'int8' ? pass('prefill') : undefined)
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
        for (const result of [await chunked.generate(request).result, await chunked.generate(request).result]) expect(said(result)).toEqual(said(plain))
        const exact = await whole.generate({ ...request, exact: true }).result
        const guessed = await chunked.generate({ ...request, speculation: { promptLookup: { shortest: 1 } } }).result
        expect(said(guessed)).toEqual(said(exact))
        accepted += guessed.stats.acceptedTokens
      }),
      { numRuns: SOAK ? 300 : 12 },
    )
    expect(accepted).toBeGreaterThan(10)
  })

  it('scores a text the same to the bit however it is chunked, of an odd number of rows too', async () => {
    const text = Array.from({ length: 66 }, (_, index) => 3 + ((7 * index * index + index) % 90))
    for (const ids of [text.slice(0, 33), text.slice(0, 34), text]) {
      const whole = await opened.decode().score(ids)
      for (const chunkTokens of [1, 7, 32]) expect(await opened.decode({ chunkTokens }).score(ids)).toEqual(whole)
    }
  })

  it('says the same to the bit behind what was read, also where it wrote what comes next, and in company', { timeout: 60_000 }, async () => {
    let read = 0
    let wrote = 0
    const token = fc.integer({ min: 3, max: 95 })
    await fc.assert(
      fc.asyncProperty(fc.array(token, { minLength: 3, maxLength: 30 }), fc.array(fc.array(token, { minLength: 1, maxLength: 12 }), { minLength: 2, maxLength: 3 }), fc.integer({ min: 2, max: 12 }), async (prefix, ends, kept) => {
        const ask = { maxNewTokens: 12, endTokens: [] }
        const fresh = async (prompt: readonly number[], exact = false) => said(await opened.decode().generate({ ...ask, prompt, exact }).result)
        for (const exact of [false, true]) {
          const used = opened.decode()
          const first = await used.generate({ ...ask, prompt: prefix, exact }).result
          // As an editor goes on: with some of what was written, and then something else.
          const prompt = [...prefix, ...first.tokens.slice(0, kept), ...ends[0]!]
          const behind = await used.generate({ ...ask, prompt, ...(exact ? { speculation: 'prompt-lookup' } : { reuse: 'read' }) }).result
          expect(said(behind)).toEqual(await fresh(prompt, exact))
          if (exact) wrote += Math.max(0, behind.stats.cachedTokens - prefix.length)
          else read += behind.stats.cachedTokens
        }
        const prompts = ends.map((end) => [...prefix, ...end])
        const decoder = opened.decode()
        const together = await Promise.all(prompts.map((prompt) => decoder.generate({ ...ask, prompt, reuse: 'read' }).result))
        for (const [index, prompt] of prompts.entries()) expect(said(together[index]!)).toEqual(await fresh(prompt))
      }),
      { numRuns: SOAK ? 300 : 4 },
    )
    expect(read).toBeGreaterThan(10)
    // Exact steps leave what reading leaves, where one graph does both.
    expect(wrote > 5).toBe(prefill === 'same')
  })
})
