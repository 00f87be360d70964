import { BackendError, type Graph, type TaskContext } from '@tenon/core'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDecoder } from './open-decoder.js'
import type { BeamOptions, GenerationRequest } from './decoder.js'
import { openLlama, readFixture, tokenizer } from './test-llama.js'

interface Greedy {
  readonly texts: readonly { readonly prompt: readonly number[]; readonly continuation: readonly number[] }[]
}

interface Searches {
  readonly maxNewTokens: number
  readonly searches: readonly {
    readonly prompt: readonly number[]
    readonly endTokens: readonly number[]
    readonly options: {
      readonly num_beams: number
      readonly num_return_sequences?: number
      readonly length_penalty?: number
      readonly early_stopping?: boolean | 'never'
      readonly repetition_penalty?: number
      readonly no_repeat_ngram_size?: number
    }
    readonly beams: readonly (readonly number[])[]
    readonly scores?: readonly number[]
  }[]
}

let opened: Awaited<ReturnType<typeof openLlama>>
let greedy: Greedy
beforeAll(async () => {
  opened = await openLlama()
  greedy = await readFixture<Greedy>('models/fixtures/llama/base/greedy.json')
})
afterAll(() => opened.dispose())

describe('a tiny llama on ONNX Runtime', () => {
  it('says what it says in transformers, alone and in a batch, in chunks and with guesses', async () => {
    const requests = greedy.texts.map(({ prompt, continuation }): GenerationRequest => ({ prompt, maxNewTokens: continuation.length, endTokens: [] }))
    const expected = greedy.texts.map(({ continuation }) => continuation)
    const alone = opened.decode({ slots: 1 })
    for (const [place, request] of requests.entries()) expect((await alone.generate(request).result).tokens).toEqual(expected[place])
    const small = opened.decode({ chunkTokens: 3 })
    expect((await Promise.all(requests.map((request) => small.generate(request).result))).map(({ tokens }) => tokens)).toEqual(expected)
    const guessed = await Promise.all(requests.map((request) => small.generate({ ...request, speculation: 'prompt-lookup' }).result))
    expect(guessed.map(({ tokens }) => tokens)).toEqual(expected)
    expect(guessed.reduce((sum, { stats }) => sum + stats.acceptedTokens, 0)).toBeGreaterThan(20)
    const drafted = await alone.generate({ ...requests[1]!, speculation: { draft: opened.decode() } }).result
    expect(drafted.tokens).toEqual(expected[1])
    expect(drafted.stats.acceptedTokens).toBe(drafted.stats.draftedTokens)
  })

  it('scores what it says as it was said', async () => {
    const decoder = opened.decode()
    const { prompt } = greedy.texts[1]!
    const { tokens, logprob } = await decoder.generate({ prompt, maxNewTokens: 20, endTokens: [] }).result
    const scored = await decoder.score([...prompt, ...tokens])
    expect(scored.subarray(prompt.length - 1).reduce((sum, each) => sum + each, 0)).toBeCloseTo(logprob, 3)
  })

  it('scores a text as PyTorch does', async () => {
    const ids = (await readFixture<{ long: { input_ids: { data: number[] } } }>('models/fixtures/llama/base/inputs.json')).long.input_ids.data
    const { data } = (await readFixture<{ cases: { long: { logits: { data: number[] } } } }>('models/fixtures/llama/base/expected.json')).cases.long.logits
    const expected = ids.slice(1).map((id, place) => {
      const row = data.slice(place * 96, (place + 1) * 96)
      return row[id]! - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0))
    })
    const scored = await opened.decode({ chunkTokens: 5 }).score(ids)
    expect(Math.max(...expected.map((logprob, place) => Math.abs(logprob - scored[place]!)))).toBeLessThan(1e-5)
  })

  it('finds the beams that transformers finds, with their scores', async () => {
    const { maxNewTokens, searches } = await readFixture<Searches>('generation/fixtures/beam-search.json')
    const decoder = opened.decode()
    const found = await Promise.all(searches.map(async ({ prompt, endTokens, options }) => {
      const { num_beams: count, num_return_sequences: best = 1, length_penalty: lengthPenalty = 1, early_stopping: earlyStopping = false } = options
      const beams: BeamOptions = { count, best, lengthPenalty, earlyStopping }
      const result = await decoder.generate({ prompt, endTokens, maxNewTokens, beams, repetitionPenalty: options.repetition_penalty, noRepeatNgramSize: options.no_repeat_ngram_size }).result
      return result.beams!
    }))
    for (const [place, { beams, scores }] of searches.entries()) {
      expect(found[place]!.map(({ tokens }) => tokens)).toEqual(beams)
      for (const [rank, score] of (scores ?? []).entries()) expect(found[place]![rank]!.score).toBeCloseTo(score, 4)
    }
  })

  it('gives each of random requests what it gives it alone', async () => {
    const decoder = opened.decode({ chunkTokens: 7, slots: 4 })
    const alone = opened.decode({ slots: 1 })
    const request = fc.record({
      prompt: fc.array(fc.integer({ min: 3, max: 12 }), { minLength: 1, maxLength: 30 }),
      maxNewTokens: fc.integer({ min: 1, max: 40 }),
      temperature: fc.constantFrom(0, 0.7),
      seed: fc.nat({ max: 50 }),
      guesses: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 5 }), async (requests) => {
        const together = await Promise.all(requests.map(({ guesses, ...each }) => decoder.generate({ ...each, ...(guesses && { speculation: 'prompt-lookup' }) }).result))
        for (const [place, { guesses: _, ...each }] of requests.entries()) expect(together[place]!.tokens).toEqual((await alone.generate(each).result).tokens)
      }),
      { numRuns: process.env['TENON_SOAK'] === '1' ? 300 : 12, seed: 5 }, // a seed: rounding may decide between two tokens once in a great many
    )
  })

  it('is opened by a task, with what its files say', async () => {
    const freed: (() => void | PromiseLike<void>)[] = []
    const context: TaskContext = {
      emit: () => undefined,
      open: async () => ({ checkpoint: { ...opened.checkpoint, json: opened.checkpoint.json.bind(opened.checkpoint), tokenizer: async () => tokenizer }, graphs: { decoder: opened.decoder, prefill: opened.decoder }, maxLength: 128 }),
      compile: (graph) => opened.backend.compile(graph, {}, { emit: () => undefined }),
      task: () => Promise.reject(new Error('none')),
      with: () => context,
      defer: (free) => void freed.push(free),
    }
    const decoder = await openDecoder(context, { where: 'a test' })
    expect(decoder).toMatchObject({ contextLength: 128, vocabularySize: 96, endTokens: [2] })
    const { prompt, continuation } = greedy.texts[1]!
    expect((await decoder.generate({ prompt, maxNewTokens: 30, endTokens: [] }).result).tokens).toEqual(continuation.slice(0, 30))
    await expect(openDecoder(context, { where: 'a test', contextLength: 129 })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION' })
    await expect(openDecoder(context, { where: 'a test', slots: 0 })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION' })
    for (const free of freed) await free()
    expect(() => decoder.generate({ prompt })).toThrow(expect.objectContaining({ code: 'TENON_DISPOSED' }))
  })

  it.each([['is ready', undefined], ['fails', new BackendError({ backend: 'onnx', doing: 'compiling', problem: 'it has no kernel', remedy: 'Choose another' })]])('gives a first token before the graph that writes is there, which is compiled then; the second waits until that %s', async (_, failure) => {
    const freed: (() => void | PromiseLike<void>)[] = []
    const prefill = { ...opened.decoder }
    const order: string[] = []
    let settle = () => {}
    const compiling = new Promise<void>((resolve, reject) => (settle = () => (failure === undefined ? resolve() : reject(failure))))
    compiling.catch(() => undefined) // it may fail before anybody waits for it
    const context: TaskContext = {
      emit: () => undefined,
      open: async () => ({ checkpoint: { ...opened.checkpoint, json: opened.checkpoint.json.bind(opened.checkpoint), tokenizer: async () => tokenizer }, graphs: { decoder: opened.decoder, prefill }, maxLength: 128 }),
      compile: async (graph) => {
        order.push(graph === prefill ? 'prefill' : 'decoder')
        if (graph !== prefill) await compiling
        const executable = await opened.backend.compile(graph, {}, { emit: () => undefined })
        const run = executable.run.bind(executable)
        return Object.assign(executable, { run: (...given: Parameters<typeof run>) => run(...given).finally(() => order.push('a run')) })
      },
      task: () => Promise.reject(new Error('none')),
      with: () => context,
      defer: (free) => void freed.push(free),
    }
    const decoder = await openDecoder(context, { where: 'a test' })
    const { prompt, continuation } = greedy.texts[1]!
    expect((await decoder.generate({ prompt, maxNewTokens: 1, endTokens: [] }).result).tokens).toEqual(continuation.slice(0, 1))
    const impatient = new AbortController()
    const untilAborted = async () => {
      for await (const _ of decoder.generate({ prompt, maxNewTokens: 9, endTokens: [], signal: impatient.signal })) impatient.abort()
    }
    await expect(untilAborted()).rejects.toMatchObject({ name: 'AbortError' })
    const { result } = decoder.generate({ prompt, maxNewTokens: 9, endTokens: [] })
    settle()
    expect(await result.then(({ tokens }) => tokens, (error: unknown) => error)).toEqual(failure ?? continuation.slice(0, 9))
    expect(order.filter((each, place) => each !== order[place - 1]).slice(0, 3)).toEqual(['prefill', 'a run', 'decoder'])
    expect(order.filter((each) => each === 'decoder')).toHaveLength(1)
    for (const free of freed) await free()
  })

  it('compiles the graph that writes where no prompt comes', async () => {
    const freed: (() => void | PromiseLike<void>)[] = []
    const prefill = { ...opened.decoder }
    let begun: (graph: Graph) => void = () => {}
    const writes = new Promise<Graph>((resolve) => (begun = resolve))
    const context: TaskContext = {
      emit: () => undefined,
      open: async () => ({ checkpoint: { ...opened.checkpoint, json: opened.checkpoint.json.bind(opened.checkpoint), tokenizer: async () => tokenizer }, graphs: { decoder: opened.decoder, prefill }, maxLength: 128 }),
      compile: async (graph) => {
        const executable = await opened.backend.compile(graph, {}, { emit: () => undefined })
        if (graph !== prefill) begun(graph)
        return executable
      },
      task: () => Promise.reject(new Error('none')),
      with: () => context,
      defer: (free) => void freed.push(free),
    }
    await openDecoder(context, { where: 'a test' })
    expect(await writes).toBe(opened.decoder)
    for (const free of freed) await free()
  })
})
