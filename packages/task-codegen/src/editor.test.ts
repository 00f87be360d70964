import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { createRuntime, type Task } from '@tenon/core'
import { openDecoder, type Decoder, type LogitsProcessor } from '@tenon/generation'
import { decoders } from '@tenon/models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeGeneration, type CompletionResult } from './index.js'
import { byteLevelTokenizer, qwenTokens, tinyQwen } from './test-support.js'

const real = process.env['TENON_SMOLLM2']
if (real === undefined) process.stderr.write('TENON_SMOLLM2 names no file: 200 characters are typed with random weights only\n')

const line = (number: number) => `def beam${number}(width):\n    return width * ${number}\n`
const above = Array.from({ length: 8 }, (_, number) => line(number)).join('\n')
const below = `\n${line(8)}\nprint(beam8(2))\n`
const typed = 'def circle(radius):\n    if radius < 0:\n        raise ValueError("negative")\n    area = 3.14 * radius ** 2\n    return area + beam3(radius)\n\nfor radius in range(10):\n    print(circle(radius), beam1(radius))\nprint(1)'.slice(0, 200)

/** The decoder beneath the task, which takes ids. */
const decoding: Task<'decoding', object, () => Decoder> = {
  kind: 'task',
  version: 'v1',
  name: 'decoding',
  async create(context) {
    const decoder = await openDecoder(context, { where: 'the test' })
    return () => decoder
  },
}

const runtimeOf = () => createRuntime({ plugins: [files(), onnx({ threads: 1 }), ...decoders(), codeGeneration(), decoding] })

const mulberry = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

interface Accepted {
  readonly prefix: string
  readonly result: CompletionResult
  /** The prompt, and behind it all that was generated but the last token. */
  readonly tokens: readonly number[]
  readonly promptLength: number
}

interface Typing {
  readonly model: string
  readonly infill: 'middle' | 'prefix-only'
  readonly cacheBytes: number
  /** Milliseconds after which a request is given up at the latest. */
  readonly patience: number
  readonly processors?: readonly LogitsProcessor[]
}

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))

/** Types character by character as an editor does: each asks for a completion. Of ten, three are left while they are streamed and four or five aborted, most of these before they end. */
async function type({ model, infill, cacheBytes, patience, processors = [] }: Typing) {
  const memory: number[] = []
  await using runtime = runtimeOf()
  runtime.on('memory', ({ name, bytes }) => name === 'key-value cache' && memory.push(bytes))
  const complete = await runtime.task('code-generation', { model, cacheBytes })
  const random = mulberry(5)
  const accepted: Accepted[] = []
  const under: Promise<void>[] = []
  const told = { aborted: 0, left: 0, late: 0, others: [] as unknown[] }
  for (let length = 1; length <= typed.length; length++) {
    const controller = new AbortController()
    const prefix = `${above}\n${typed.slice(0, length)}`
    let tokens: readonly number[] = []
    let promptLength = 0
    let stepsAfter = 0
    const watch: LogitsProcessor = (_, context) => {
      if (controller.signal.aborted) stepsAfter++
      ;[tokens, promptLength] = [[...context.tokens], context.promptLength]
    }
    // Healing holds the first tokens to what was typed, which a decoder beneath knows nothing of.
    const completion = complete({ path: 'beams.py', prefix, suffix: infill === 'middle' ? below : '' }, { maxNewTokens: 16, scope: 'function', infill, healing: infill !== 'middle', signal: controller.signal, processors: [...processors, watch] })
    const manner = random()
    const settled = completion.result.then(
      (result) => void (manner >= 0.3 && accepted.push({ prefix, result, tokens, promptLength })),
      (error: unknown) => {
        if ((error as { code?: unknown }).code === 'TENON_ABORTED') told.aborted++
        else told.others.push(error)
        if (stepsAfter > 1) told.late++
      },
    )
    under.push(settled)
    if (manner < 0.3) {
      await leave(completion, told)
    } else if (manner < 0.75) {
      await new Promise((resolve) => setTimeout(resolve, random() * patience))
      controller.abort()
    } else {
      await settled
    }
  }
  await Promise.all(under)
  return { ...told, accepted, memory }
}

/** Reads a few pieces and stops. */
async function leave(completion: AsyncIterable<string>, told: { left: number }): Promise<void> {
  let pieces = 0
  for await (const _ of completion) if (++pieces === 3) break
  told.left++
}

/** Some of a list, from its beginning to its end. */
const some = <T>(list: readonly T[], count: number): T[] => Array.from({ length: Math.min(count, list.length) }, (_, index) => list[Math.floor((index * list.length) / Math.min(count, list.length))]!)

/** What of the prompt was read, for each completion but the first. */
const readOf = (accepted: readonly Accepted[]) => accepted.slice(1).map(({ result: { stats } }) => stats.promptTokens - stats.cachedTokens)

const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length

/** Most requests were given up, none of them late; the rest read little more than what was typed, in the memory that there was. */
function expectOrder({ accepted, aborted, left, late, others, memory }: Awaited<ReturnType<typeof type>>, cacheBytes: number): void {
  expect([others, unhandled, late]).toEqual([[], [], 0])
  expect(aborted).toBeGreaterThan(20)
  expect(left).toBeGreaterThan(20)
  expect(accepted.length).toBeGreaterThan(20)
  expect(Math.max(...memory)).toBeLessThanOrEqual(cacheBytes)
  expect(mean(readOf(accepted))).toBeLessThan(12)
}

describe('200 characters typed, most requests given up', () => {
  it('between code and code: what is accepted is what a decoder that never saw anything else writes', { timeout: 60_000 }, async () => {
    const model = await tinyQwen(qwenTokens, { max_position_embeddings: 1024 })
    const tokenizer = await byteLevelTokenizer(qwenTokens)
    const letters = new Set([...'abcdefghijklmnopqrstuvwxyz'].map((letter) => tokenizer.idOf(letter)!))
    const names: LogitsProcessor = (logits) => void logits.forEach((_, id) => letters.has(id) || (logits[id] = -Infinity))
    const cacheBytes = 640 * 256 // room for one text: 2 layers of a key and a value of 16 numbers for each of 640 tokens
    const told = await type({ model, infill: 'middle', cacheBytes, patience: 8, processors: [names] })
    expectOrder(told, cacheBytes)
    const { accepted } = told
    expect(accepted.at(-1)!.result.stats.cachedTokens).toBeGreaterThan(accepted[0]!.result.stats.promptTokens * 0.9)
    for (const { tokens, promptLength } of some(accepted, 12)) {
      await using runtime = runtimeOf()
      const decoder = (await runtime.task('decoding', { model }))()
      const wanted = tokens.slice(promptLength)
      const fresh = await decoder.generate({ prompt: tokens.slice(0, promptLength), maxNewTokens: wanted.length, processors: [names] }).result
      expect(fresh.stats.cachedTokens).toBe(0)
      expect(fresh.tokens).toEqual(wanted)
    }
  })

  it.skipIf(real === undefined)('with real weights: what is accepted is what is written where nothing was typed', { timeout: 400_000 }, async () => {
    const cacheBytes = 320 * 46_080 // room for one text: 30 layers of a key and a value of 3 times 64 numbers for each of 320 tokens
    const told = await type({ model: real!, infill: 'prefix-only', cacheBytes, patience: 100 })
    expectOrder(told, cacheBytes)
    const { accepted } = told
    for (const { prefix, result } of some(accepted, 6)) {
      await using runtime = runtimeOf()
      const complete = await runtime.task('code-generation', { model: real! })
      const fresh = await complete({ language: 'python', prefix, suffix: '' }, { maxNewTokens: 16, scope: 'function', infill: 'prefix-only' }).result
      expect(fresh.stats.cachedTokens).toBe(0)
      expect(fresh.text).toBe(result.text)
    }
  })
})
