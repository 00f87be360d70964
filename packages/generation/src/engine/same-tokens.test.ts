import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSampler, type SamplingOptions } from '../sampling/index.js'
import type { GenerationRequest } from './decoder.js'
import { BYTES_PER_POSITION, fakeDecoder, plainly, VOCABULARY } from './test-decoder.js'

const token = fc.integer({ min: 1, max: VOCABULARY - 1 })
/** Prompts that begin alike, of few different tokens, so that texts repeat themselves. */
const begin = Array.from({ length: 30 }, (_, index) => 1 + ((index * index * 7 + 3 * index) % (VOCABULARY - 1)))
const prompts = fc.tuple(fc.nat({ max: 30 }), fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), token), { minLength: 1, maxLength: 15 })).map(([shared, own]) => [...begin.slice(0, shared), ...own])

const samplings: fc.Arbitrary<SamplingOptions> = fc.oneof(
  fc.constant({}),
  fc.record({ temperature: fc.constantFrom(0.5, 1), seed: fc.integer({ min: 0, max: 1000 }) }),
  fc.record({ temperature: fc.constant(0.8), topK: fc.integer({ min: 1, max: 8 }), topP: fc.constantFrom(0.7, 0.95), seed: fc.integer({ min: 0, max: 1000 }) }),
  fc.record({ repetitionPenalty: fc.constantFrom(1.1, 1.5), frequencyPenalty: fc.constantFrom(0, 0.4), presencePenalty: fc.constantFrom(0, 0.3) }),
  fc.record({ noRepeatNgramSize: fc.integer({ min: 2, max: 4 }) }),
)

const speculations = fc.oneof(
  fc.constant('none' as const),
  fc.record({ tokens: fc.integer({ min: 1, max: 12 }), longest: fc.integer({ min: 2, max: 5 }), shortest: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ draftTokens: fc.integer({ min: 1, max: 6 }) }),
)

const seldom = <T>(of: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: of })

const callers = fc.record({
  prompt: prompts,
  maxNewTokens: fc.integer({ min: 0, max: 30 }),
  sampling: samplings,
  speculation: speculations,
  /** Rounds of the event loop before it asks, and pieces after which it leaves. */
  wait: fc.nat({ max: 8 }),
  leaves: seldom(fc.nat({ max: 6 })),
  aborts: seldom(fc.nat({ max: 25 })),
})

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('the tokens of a generation', () => {
  it('are those of plain decoding, however it is chunked, cached, batched, guessed, joined and left', async () => {
    let accepted = 0
    let shared = 0
    let cached = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(callers, { minLength: 1, maxLength: 6 }),
        fc.record({ chunkTokens: fc.integer({ min: 1, max: 24 }), slots: fc.integer({ min: 1, max: 5 }), blocks: fc.integer({ min: 1, max: 6 }) }),
        fc.nat(),
        async (requests, { chunkTokens, slots, blocks }, salt) => {
          const decoder = fakeDecoder({ chunkTokens, slots, cacheBytes: blocks * 256 * BYTES_PER_POSITION, fake: { salt, before: () => turns(1) } })
          // A draft that often agrees, and one that seldom does.
          const draft = fakeDecoder({ fake: { salt: salt % 2 === 0 ? salt : salt + 1 } })
          await Promise.all(
            requests.map(async ({ prompt, maxNewTokens, sampling, speculation, wait, leaves, aborts }) => {
              await turns(wait)
              const controller = new AbortController()
              const request: GenerationRequest = {
                ...sampling,
                prompt,
                maxNewTokens,
                signal: controller.signal,
                ...(speculation !== 'none' && { speculation: 'draftTokens' in speculation ? { draft, tokens: speculation.draftTokens } : { promptLookup: speculation } }),
              }
              const expected = plainly(prompt, maxNewTokens, createSampler(sampling), { salt })
              const generation = decoder.generate(request)
              if (aborts !== null) void turns(aborts).then(() => controller.abort())
              const got: number[] = []
              let whole: readonly number[] | undefined
              try {
                let pieces = 0
                for await (const piece of generation) {
                  got.push(...piece.tokens)
                  if (leaves !== null && ++pieces > leaves) break
                }
                const result = leaves === null ? await generation.result : undefined
                whole = result?.tokens
                accepted += result?.stats.acceptedTokens ?? 0
                cached += result?.stats.cachedTokens ?? 0
              } catch (error) {
                if ((error as { code?: unknown }).code !== 'TENON_ABORTED') throw error
              }
              expect(whole ?? expected).toEqual(expected)
              expect(got).toEqual(expected.slice(0, got.length))
            }),
          )
          shared += decoder.executable.runs.filter(({ batch }) => batch > 1).length
          // What is left in the cache serves who comes later.
          for (const { prompt, maxNewTokens } of requests) {
            const { tokens, stats } = await decoder.generate({ prompt, maxNewTokens }).result
            cached += stats.cachedTokens
            expect(tokens).toEqual(plainly(prompt, maxNewTokens, createSampler({}), { salt }))
          }
          await decoder.dispose()
          await draft.dispose()
          expect(decoder.executable.live).toBe(0)
        },
      ),
      { numRuns: process.env['TENON_SOAK'] === '1' ? 2000 : 60 },
    )
    // The property says nothing where none of this happened.
    expect(accepted).toBeGreaterThan(50)
    expect(shared).toBeGreaterThan(0)
    expect(cached).toBeGreaterThan(50)
  })
})
