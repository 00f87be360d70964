import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { createRuntime, type TenonEvent } from '@tenon/core'
import { llama } from '@tenon/models/llama'
import { testTask } from '@tenon/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { textGeneration, type AnswerResult, type Message, type TextGenerationOptions } from './index.js'
import { chatModel, draftModel, modelWith } from './test-support.js'

const plugins = () => [files(), onnx({ threads: 1 }), llama()] as const
const runtime = createRuntime({ plugins: [...plugins(), textGeneration()] })
afterAll(() => runtime.dispose())

const draft = await draftModel()

const generator = async (options: TextGenerationOptions) => {
  const generate = await runtime.task('text-generation', { model: chatModel, ...options })
  onTestFinished(() => generate.dispose())
  return generate
}

let plain: Awaited<ReturnType<typeof generator>>
beforeAll(async () => {
  plain = await runtime.task('text-generation', { model: chatModel })
})

const question: readonly Message[] = [{ role: 'user', content: 'How long should oak dry?' }]

testTask({ describe, it, afterAll }, {
  create: () => textGeneration(),
  plugins,
  request: { model: chatModel, draft },
  run: async (generate, input: string | readonly Message[], { onProgress, ...options }) => {
    const answer = generate(input, { maxNewTokens: 12, ...options })
    for await (const _ of answer) onProgress?.(1, 1)
    const { stats: _stats, ...result } = await answer.result
    return result
  },
  cases: ['The old bridge', question, [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: '你好 🌳' }]].map((input) => ({
    name: JSON.stringify(input),
    input,
    check: ({ text, message }: Omit<AnswerResult, 'stats'>) => message.content === text && text.length > 0,
  })),
})

describe('a draft', () => {
  it('guesses unless a call says otherwise, and changes no answer', async () => {
    const generate = await generator({ draft: { model: draft, tokens: 3 } })
    for (const options of [{}, { temperature: 0.8, seed: 4 }, { candidates: 3, temperature: 1, seed: 2 }, { schema: { enum: ['oak', 'ash'] } }, { stop: ['e'] }]) {
      const [one, other] = [await plain(question, { maxNewTokens: 40, logprobs: true, ...options }).result, await generate(question, { maxNewTokens: 40, logprobs: true, ...options }).result]
      expect(other).toEqual({ ...one, stats: expect.anything(), candidates: one.candidates.map(({ logprob, ...candidate }) => ({ ...candidate, logprob: expect.closeTo(logprob!, 3) })) })
      expect(one.stats.draftedTokens).toBe(0)
    }
    const told = async (speculation: 'draft' | false) => (await generate([{ role: 'user', content: 'Why?' }], { maxNewTokens: 40, speculation }).result).stats
    expect((await told('draft')).acceptedTokens).toBeGreaterThan(5)
    expect((await told(false)).draftedTokens).toBe(0)
    expect((await generate(question, { maxNewTokens: 12, beams: 3 }).result).text).toBe((await plain(question, { maxNewTokens: 12, beams: 3 }).result).text)
    await expect(plain(question, { speculation: 'draft' }).result).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringContaining("is 'draft', and the model was opened without one") })
  })

  it.each(['', { model: '' }])('that is empty is refused by its own name: %j', async (empty) => {
    await expect(runtime.task('text-generation', { model: chatModel, draft: empty })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'draft', message: expect.stringContaining("The option 'draft' of the task 'text-generation' is empty") })
  })

  it('guesses at each turn of a conversation', async () => {
    const [one, other] = [plain.conversation({ maxNewTokens: 20 }), (await generator({ draft })).conversation({ maxNewTokens: 20 })]
    for (const said of ['How long?', 'And ash?', 'Why?']) {
      const { text, stats } = await other.send(said).result
      expect(text).toBe((await one.send(said).result).text)
      expect(stats.draftedTokens).toBeGreaterThan(0)
    }
  })

  it('that reads fewer tokens than the model guesses as far as it reads', async () => {
    const generate = await generator({ draft: await draftModel({ max_position_embeddings: 40 }) })
    const { text, stats } = await generate(question, { maxNewTokens: 80 }).result
    expect(text).toBe((await plain(question, { maxNewTokens: 80 }).result).text)
    expect(stats.draftedTokens).toBeGreaterThan(0)
    expect(stats.draftedTokens).toBeLessThan(40)
  })

  it('shares the memory of the cache with the model', async () => {
    const bytes = new Map<string, number>()
    const stop = runtime.on('memory', ({ name, bytes: now }: Extract<TenonEvent, { type: 'memory' }>) => bytes.set(name, Math.max(bytes.get(name) ?? 0, now)))
    onTestFinished(stop)
    const cacheBytes = 512 * (2 + 1) * 2 * 2 * 16 * 4 // one whole context in the two layers of the model and the one of the draft
    const generate = await generator({ draft, cacheBytes })
    const { text, stats } = await generate(question, { maxNewTokens: 480 }).result
    expect(text).toBe((await plain(question, { maxNewTokens: 480 }).result).text)
    expect(stats.draftedTokens).toBeGreaterThan(0)
    expect(Array.from(bytes.keys()).filter((name) => name.includes('cache')).toSorted()).toEqual(['key-value cache', 'key-value cache of the draft'])
    const small = new Map<string, number>()
    onTestFinished(runtime.on('memory', ({ name, bytes: now }) => small.set(name, now)))
    const other = await generator({ draft, cacheBytes })
    await other(question, { maxNewTokens: 480 }).result
    expect(small.get('key-value cache')! + small.get('key-value cache of the draft')!).toBeLessThanOrEqual(cacheBytes)
  })

  it('of another vocabulary is refused, with the remedy, and nothing is left of it', async () => {
    const foreign = await draftModel()
    const path = join(foreign, 'tokenizer.json')
    const file = JSON.parse(await readFile(path, 'utf8')) as { model: { vocab: Record<string, number> } }
    const [one, other] = ['a', 'b'] as const
    const { vocab } = file.model
    ;[vocab[one], vocab[other]] = [vocab[other]!, vocab[one]!]
    await writeFile(path, JSON.stringify(file))
    await expect(generator({ draft: foreign })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringMatching(/^The option 'draft' of the task 'text-generation' has the token \d+ '[ab]', where the model's is '[ab]'/), remedy: 'Use a draft with the same vocabulary, such as a smaller model of the same family' })
  })

  it.each([
    [5, 'is number'],
    [{}, 'names no model'],
    [{ model: draft, tokens: 0 }, 'has the tokens 0'],
    [{ model: draft, weights: 'int4' }, "The option 'weights' of the draft of the task 'text-generation' is unknown"],
    [{ model: draft, backend: 'cuda' }, 'cuda'],
    ['./nowhere', './nowhere'],
  ])('that cannot be opened is told: %j', async (wrong, message) => {
    await expect(generator({ draft: wrong as string })).rejects.toThrow(message)
  })

  it('may have another backend, and weights of its own', async () => {
    const generate = await generator({ draft: { model: await modelWith('config.json', { num_hidden_layers: 1 }), backend: { name: 'onnx', device: 'cpu' } } })
    expect((await generate(question, { maxNewTokens: 20 }).result).stats.draftedTokens).toBeGreaterThan(0)
  })
})
