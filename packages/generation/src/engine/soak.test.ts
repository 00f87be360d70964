import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GenerationRequest } from './decoder.js'
import { openLlama } from './test-llama.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** TENON_SOAK=1 runs as many as were promised. */
const generations = process.env['TENON_SOAK'] === '1' ? 2000 : 200

let opened: Awaited<ReturnType<typeof openLlama>>
beforeAll(async () => {
  opened = await openLlama()
})
afterAll(() => opened.dispose())

/** Buffers and collected garbage, once all that can be freed is. */
async function memory(): Promise<{ readonly arrays: number; readonly heap: number; readonly resident: number }> {
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    collect()
  }
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  return { arrays: arrayBuffers / 2 ** 20, heap: heapUsed / 2 ** 20, resident: rss / 2 ** 20 }
}

describe('many generations', () => {
  it(`${generations} with random cancellation leave memory where it was`, async () => {
    const decoder = opened.decode({ slots: 4, chunkTokens: 16 })
    let state = 1
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return (state >>> 8) % below
    }
    let cancelled = 0
    const one = async () => {
      const controller = new AbortController()
      const request: GenerationRequest = {
        prompt: Array.from({ length: 1 + random(60) }, () => 3 + random(20)),
        maxNewTokens: 1 + random(40),
        temperature: random(2),
        signal: controller.signal,
        ...(random(3) === 0 && { speculation: 'prompt-lookup' }),
        ...(random(10) === 0 && { temperature: 0, beams: 3, speculation: undefined }),
      }
      const manner = random(3)
      try {
        const generation = decoder.generate(request)
        if (manner === 0) setTimeout(() => controller.abort(), random(8))
        let left = manner === 1 ? random(10) : Infinity
        for await (const _ of generation) if (left-- <= 0) break
        await generation.result
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'TENON_ABORTED') throw error
        cancelled++
      }
    }
    const many = async (count: number) => {
      for (let done = 0; done < count; done += 5) await Promise.all(Array.from({ length: 5 }, one))
    }
    await many(100) // until all that is made once is made
    const before = await memory()
    await many(generations)
    const after = await memory()
    expect(cancelled).toBeGreaterThan(generations / 10)
    expect(after.arrays - before.arrays).toBeLessThan(1)
    expect(after.heap - before.heap).toBeLessThan(4)
    expect(after.resident - before.resident).toBeLessThan(48) // the allocators' own, which a few hundred do not fill
  }, 600_000)
})
