import { quantizeWeights } from '@tenon/compress'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grammar } from '../constraint/index.js'
import type { GenerationRequest } from './decoder.js'
import { fakeDecoder } from './test-decoder.js'
import { openLlama } from './test-llama.js'

type Opened = Awaited<ReturnType<typeof openLlama>>

const rounds = process.env['TENON_SOAK'] === '1' ? 300 : 12

/** Prompts of few tokens, so that a model of random weights repeats itself. */
const prompts = fc.array(fc.integer({ min: 3, max: 20 }), { minLength: 1, maxLength: 30 })

const samplings = fc.oneof(
  fc.constant({}),
  fc.record({ temperature: fc.constantFrom(0.3, 1), seed: fc.nat({ max: 1000 }) }),
  fc.record({ temperature: fc.constant(0.8), topP: fc.constantFrom(0.5, 0.9), seed: fc.nat({ max: 1000 }) }),
  fc.record({ repetitionPenalty: fc.constant(1.2) }),
)

let draft: Opened
beforeAll(async () => {
  draft = await openLlama(undefined, { num_hidden_layers: 1 })
})
afterAll(() => draft.dispose())

/** A decoder, and the same with a draft; without another, of one layer fewer. */
function both(opened: Opened, { contextLength = 128, tokens = 4, by = draft } = {}) {
  const guessing = by.decode({ contextLength })
  return { plain: opened.decode(), drafted: opened.decode({ draft: { draft: guessing, tokens } }) }
}

describe('a decoder with a draft', () => {
  let opened: Opened
  beforeAll(async () => {
    opened = await openLlama()
  })
  afterAll(() => opened.dispose())

  it('says what it says without, greedily and drawn with a seed, whatever is guessed', { timeout: 120_000 }, async () => {
    let [guessed, accepted] = [0, 0]
    const { plain, drafted } = both(opened)
    await fc.assert(
      fc.asyncProperty(prompts, samplings, fc.integer({ min: 1, max: 40 }), async (prompt, sampling, maxNewTokens) => {
        const request = { ...sampling, prompt, maxNewTokens, endTokens: [] }
        const [one, other] = [await plain.generate(request).result, await drafted.generate(request).result]
        expect(other.tokens).toEqual(one.tokens)
        expect([one.stats.draftedTokens, other.logprob]).toEqual([0, expect.closeTo(one.logprob, 3)])
        guessed += other.stats.draftedTokens
        accepted += other.stats.acceptedTokens
      }),
      { numRuns: rounds, seed: 7 }, // a seed: rounding may decide between two tokens once in a great many
    )
    // The property says nothing where none of this happened: guesses that were right, and others that were wrong.
    expect(accepted).toBeGreaterThan(10)
    expect(guessed).toBeGreaterThan(accepted)
  })

  it('says to each of several at once what it says to it alone', { timeout: 120_000 }, async () => {
    const { plain, drafted } = both(opened)
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ prompt: prompts, sampling: samplings, guesses: fc.boolean() }), { minLength: 2, maxLength: 5 }), async (requests) => {
        const together = await Promise.all(requests.map(({ prompt, sampling, guesses }) => drafted.generate({ ...sampling, prompt, maxNewTokens: 24, endTokens: [], ...(!guesses && { speculation: false as const }) }).result))
        for (const [place, { prompt, sampling, guesses }] of requests.entries()) {
          const { tokens, stats } = together[place]!
          expect(tokens).toEqual((await plain.generate({ ...sampling, prompt, maxNewTokens: 24, endTokens: [] }).result).tokens)
          expect(guesses || stats.draftedTokens === 0).toBe(true)
          accepted += stats.acceptedTokens
        }
      }),
      { numRuns: rounds, seed: 7 },
    )
    expect(accepted).toBeGreaterThan(10)
  })

  it('guesses with it unless a request says otherwise', async () => {
    const { plain, drafted } = both(opened)
    const request: GenerationRequest = { prompt: [5, 6, 7, 5, 6], maxNewTokens: 30, endTokens: [] }
    const { tokens } = await plain.generate(request).result
    const told = async (speculation: GenerationRequest['speculation']) => {
      const result = await drafted.generate({ ...request, speculation }).result
      expect(result.tokens).toEqual(tokens)
      return result.stats.draftedTokens
    }
    const runs = await told(undefined)
    expect(runs).toBeGreaterThan(0)
    expect(await told('draft')).toBe(runs)
    expect(await told(false)).toBe(0)
    expect(await told('prompt-lookup')).not.toBe(runs)
    expect(() => plain.generate({ ...request, speculation: 'draft' })).toThrow("The option 'speculation' of decoder.generate is 'draft', and the model was opened without one. Name one where the task is made")
  })

  it('leaves it out of beam search, and refuses beams that ask for it', async () => {
    const { plain, drafted } = both(opened)
    const request: GenerationRequest = { prompt: [5, 6, 7], maxNewTokens: 12, endTokens: [], beams: { count: 3, best: 3 } }
    const { beams } = await plain.generate(request).result
    const found = await drafted.generate(request).result
    expect([found.beams, found.stats.draftedTokens]).toEqual([beams, 0])
    expect((await drafted.generate({ ...request, speculation: false }).result).beams).toEqual(beams)
    expect(() => drafted.generate({ ...request, speculation: 'draft' })).toThrow("The option 'speculation' of decoder.generate goes with no beam search")
  })

  it('goes on without guesses where the context of the draft ends', async () => {
    const { plain, drafted } = both(opened, { contextLength: 24 })
    const request: GenerationRequest = { prompt: [5, 6, 7, 5, 6, 7], maxNewTokens: 60, endTokens: [] }
    const { tokens } = await plain.generate(request).result
    const short = await drafted.generate(request).result
    expect(short.tokens).toEqual(tokens)
    const until = await drafted.generate({ ...request, maxNewTokens: 18 }).result // 24 in all
    expect(short.stats.draftedTokens).toBeGreaterThan(0)
    expect(short.stats.draftedTokens).toBeLessThanOrEqual(until.stats.draftedTokens + 4)
    expect(await drafted.generate({ ...request, prompt: tokens.slice(0, 30), maxNewTokens: 9 }).result).toMatchObject({ tokens: (await plain.generate({ ...request, prompt: tokens.slice(0, 30), maxNewTokens: 9 }).result).tokens, stats: { draftedTokens: 0 } })
  })

  it('goes on without guesses where the cache of the draft, or its vocabulary, ends', async () => {
    const request: GenerationRequest = { prompt: [5, 6, 7, 95, 6, 7], maxNewTokens: 20, endTokens: [] }
    const { tokens } = await opened.decode().generate(request).result
    for (const guessing of [draft.decode({ cacheBytes: 1000 }), draft.decode({ vocabularySize: 95 })]) {
      expect(await opened.decode({ draft: { draft: guessing, tokens: 4 } }).generate(request).result).toMatchObject({ tokens, stats: { draftedTokens: 0 } })
    }
  })
})

describe('guesses of a text that is held to something', () => {
  const rules = ['root ::= ("abc" | "abd" | "ca" | "dab ")+', 'root ::= [a-d]{3} (" " [a-d]{3})*', 'root ::= ("aa" | "ab" | "ba"){2,12} " "']
  const samplings = fc.oneof(fc.constant({}), fc.record({ temperature: fc.constantFrom(0.5, 1), seed: fc.nat({ max: 1000 }) }), fc.record({ noRepeatNgramSize: fc.integer({ min: 2, max: 4 }) }))
  const prompts = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 })
  const ways = ['the same model', 'another one', 'prompt lookup'] as const

  it.each(ways)('hold to it too, and change nothing: by %s', async (way) => {
    let [guessed, accepted] = [0, 0]
    await fc.assert(
      fc.asyncProperty(prompts, samplings, fc.constantFrom(...rules), fc.nat({ max: 99 }), async (prompt, sampling, rule, salt) => {
        const decoder = fakeDecoder({ fake: { salt } })
        const draft = fakeDecoder({ fake: { salt: way === 'another one' ? salt + 1 : salt } })
        const request: GenerationRequest = { ...sampling, prompt, maxNewTokens: 40, constraint: grammar(rule) }
        const told = async (speculation: GenerationRequest['speculation']) => decoder.generate({ ...request, speculation }).result.catch((error: { code: string }) => error.code)
        const [plain, other] = [await told(false), await told(way === 'prompt lookup' ? { promptLookup: { shortest: 1 } } : { draft })]
        await decoder.dispose()
        await draft.dispose()
        // N-grams may forbid all that a grammar leaves: then both fail alike.
        const said = (result: typeof plain) => (typeof result === 'string' ? result : [result.text, result.tokens, result.finishReason])
        expect(said(other)).toEqual(said(plain))
        guessed += typeof other === 'string' ? 0 : other.stats.draftedTokens
        accepted += typeof other === 'string' ? 0 : other.stats.acceptedTokens
      }),
      { numRuns: 4 * rounds, seed: 7 },
    )
    expect(accepted).toBeGreaterThan(20)
    // Of the model itself every guess is right: none is wasted on what may not come.
    expect(accepted === guessed).toBe(way === 'the same model')
  })

  it('end with an end token, behind which nothing is checked', async () => {
    const decoder = fakeDecoder()
    const prompt = [5, 6, 7, 0, 8, 9, 5, 6, 7, 0, 8, 9, 5, 6]
    const first = (await decoder.generate({ prompt, maxNewTokens: 1, endTokens: [] }).result).tokens
    const forced = [(logits: Float32Array, { tokens, promptLength }: { tokens: readonly number[]; promptLength: number }) => void (logits.fill(-Infinity), (logits[[7, 0][tokens.length - promptLength] ?? first[0]!] = 1))]
    const { tokens, stats } = await decoder.generate({ prompt, maxNewTokens: 9, processors: forced, speculation: 'prompt-lookup' }).result
    expect([tokens, stats.draftedTokens, stats.acceptedTokens]).toEqual([[7, 0], 1, 1])
    await decoder.dispose()
  })

  it('are none where the draft says each token once, and has no more: the model ends before', async () => {
    const [decoder, draft] = [fakeDecoder(), fakeDecoder()]
    const request: GenerationRequest = { prompt: [5], maxNewTokens: 40, noRepeatNgramSize: 1 }
    const ends = [(logits: Float32Array, { tokens }: { tokens: readonly number[] }) => void (tokens.length === 22 && logits.fill(-Infinity, 1))]
    const { tokens } = await decoder.generate({ ...request, processors: ends }).result
    expect(tokens.at(-1)).toBe(0)
    for (const speculation of [{ draft, tokens: 1 }, { draft, tokens: 6 }]) expect((await decoder.generate({ ...request, processors: ends, speculation }).result).tokens).toEqual(tokens)
    const short = fakeDecoder({ fake: { after: (logits) => void logits.fill(-Infinity, 8) } })
    expect((await decoder.generate({ ...request, processors: ends, speculation: { draft: short } }).result).tokens).toEqual(tokens)
    for (const each of [decoder, draft, short]) await each.dispose()
  })

  it('are none where the draft has no token that fits', async () => {
    const [decoder, draft] = [fakeDecoder(), fakeDecoder({ vocabularySize: 10, fake: { after: (logits) => void logits.fill(-Infinity, 10) } })]
    const request: GenerationRequest = { prompt: [5, 6, 7], maxNewTokens: 12, constraint: grammar('root ::= [m-v]{12}') }
    const { tokens } = await decoder.generate(request).result
    expect(await decoder.generate({ ...request, speculation: { draft } }).result).toMatchObject({ tokens, stats: { draftedTokens: 0 } })
    await decoder.dispose()
    await draft.dispose()
  })
})

describe('a guess under way', () => {
  let opened: Opened
  beforeAll(async () => {
    opened = await openLlama()
  })
  afterAll(() => opened.dispose())

  /** A draft whose runs wait until they are let go of, or aborted. */
  function slow() {
    const waiting: (() => void)[] = []
    let aborted = 0
    const run: typeof draft.executable.run = async (feeds, options) => {
      await new Promise<void>((resolve, reject) => {
        waiting.push(resolve)
        options?.signal?.addEventListener('abort', () => {
          aborted++
          reject(options.signal!.reason as Error)
        })
      })
      return draft.executable.run(feeds, options)
    }
    const executable = { ...draft.executable, run }
    const decoder = opened.decode({ draft: { draft: draft.decode({ decoder: executable, prefill: executable }), tokens: 4 } })
    return { decoder, waiting, aborted: () => aborted }
  }

  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setImmediate(resolve))
  }

  it.each(['its signal', 'leaving the loop', 'the disposal of the decoder'])('ends by %s, in the middle of a step', async (how) => {
    const { decoder, waiting, aborted } = slow()
    const controller = new AbortController()
    const generation = decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 30, endTokens: [], signal: controller.signal })
    const failed = generation.result.then(() => 'did not fail', (error: { code: string }) => error.code)
    const iterator = generation[Symbol.asyncIterator]()
    await until(() => waiting.length > 0)
    if (how === 'its signal') controller.abort()
    else if (how === 'leaving the loop') await iterator.return!()
    else await (decoder as typeof decoder & { dispose(): Promise<void> }).dispose()
    expect(await failed).toBe(how === 'the disposal of the decoder' ? 'TENON_DISPOSED' : 'TENON_ABORTED')
    await until(() => aborted() > 0)
    expect(aborted()).toBe(1)
  })

  it('keeps nobody else waiting', async () => {
    const { decoder, waiting } = slow()
    const one = decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 30, endTokens: [] })
    await until(() => waiting.length > 0)
    const others = [[9, 8, 7], [4, 3]].map((prompt) => decoder.generate({ prompt, maxNewTokens: 60, endTokens: [], speculation: false }).result)
    for (const { tokens } of await Promise.all(others)) expect(tokens).toHaveLength(60)
    expect(waiting).toHaveLength(1)
    const letGo = setInterval(() => waiting.shift()?.(), 1)
    expect((await one.result).tokens).toEqual((await decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 30, endTokens: [], speculation: false }).result).tokens)
    clearInterval(letGo)
  })

  it('of a long prompt keeps nobody else waiting', async () => {
    const { decoder, waiting } = slow()
    const other = decoder.generate({ prompt: [9, 8, 7], maxNewTokens: 60, endTokens: [], speculation: false })
    await other[Symbol.asyncIterator]().next()
    const one = decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 30, endTokens: [] })
    expect((await other.result).tokens).toHaveLength(60)
    expect(waiting).toHaveLength(1)
    const letGo = setInterval(() => waiting.shift()?.(), 1)
    expect((await one.result).tokens).toEqual((await decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 30, endTokens: [], speculation: false }).result).tokens)
    clearInterval(letGo)
  })
})

describe('guesses beside others', () => {
  /** One text of 60 tokens that the model itself drafts for, beside others that step from before it begins until after it has ended. */
  async function beside(others: number, exact: boolean) {
    const steps: number[] = []
    const checks: number[] = []
    const [decoder, draft] = [fakeDecoder({ fake: { before: ({ batch, sequence }) => void (sequence === 1 ? steps : checks).push(sequence === 1 ? batch : sequence) } }), fakeDecoder()]
    const controller = new AbortController()
    let ended = 0
    const along = Array.from({ length: others }, (_, index) => decoder.generate({ prompt: [9 + index, 8, 7], maxNewTokens: 600, endTokens: [], signal: controller.signal }))
    for (const { result } of along) void result.then(() => ended++, () => ended++) // and they are not held up where nobody pulls
    for (const each of along) await each[Symbol.asyncIterator]().next()
    const request: GenerationRequest = { prompt: [5, 6, 7], maxNewTokens: 60, endTokens: [], exact, speculation: { draft } }
    const start = [steps.length, checks.length] as const
    const { tokens, stats } = await decoder.generate(request).result
    const between = { steps: steps.slice(start[0]), checks: checks.slice(start[1] + 1) } // behind the chunk that reads its prompt
    expect(ended).toBe(0)
    controller.abort()
    expect(tokens).toEqual((await decoder.generate({ ...request, speculation: false }).result).tokens)
    await decoder.dispose()
    await draft.dispose()
    return { ...between, stats }
  }

  it.each([[1, true], [3, true], [1, false], [3, false]])('are accepted, and the text takes fewer runs than it has tokens: beside %i, exact: %s', async (others, exact) => {
    const { steps, checks, stats } = await beside(others, exact)
    // Of the model itself every guess is right. A check gives what was guessed and a token more.
    expect(stats.acceptedTokens).toBe(stats.draftedTokens)
    expect(stats.acceptedTokens).toBeGreaterThan(30)
    // Steps that it shares have a row more than those of the others, which go on while it is guessed for; exact ones are chunks, as checks are.
    const shared = steps.filter((rows) => rows === others + 1).length
    expect(shared + checks.length).toBe(60 - 1 - stats.acceptedTokens)
    expect(shared > 0).toBe(!exact)
    expect(steps.length - shared).toBeGreaterThanOrEqual(checks.length)
  })

  it('are made beside however many, where steps are exact: each is a run of its own anyway', async () => {
    const { checks, stats } = await beside(6, true)
    expect(stats.acceptedTokens).toBeGreaterThan(30)
    expect(checks.length).toBe(60 - 1 - stats.acceptedTokens)
  })

  it('are hardly made where more step together than a guess has tokens: a run of its own would cost them more than it gains', async () => {
    const { steps, stats } = await beside(6, false)
    expect(stats.draftedTokens).toBeLessThan(20) // it looks now and then whether that is still so
    expect(steps.filter((rows) => rows === 7).length).toBeGreaterThan(35)
  })
})

describe.each([4, 8] as const)('a decoder with weights in %i bits and a draft', (bits) => {
  let [opened, float]: Opened[] = []
  beforeAll(async () => {
    float = await openLlama() // before its weights were rounded: often right, and not always
    opened = await openLlama(quantizeWeights({ bits, blockSize: 32, smallest: 0, prefill: 'same' }, 'decoder'))
  })
  afterAll(() => Promise.all([opened!.dispose(), float!.dispose()]))

  it('says to the bit what exact steps say', { timeout: 120_000 }, async () => {
    let [guessed, accepted] = [0, 0]
    const { plain, drafted } = both(opened!, { by: float! })
    await fc.assert(
      fc.asyncProperty(prompts, samplings, async (prompt, sampling) => {
        const request = { ...sampling, prompt, maxNewTokens: 24, endTokens: [] }
        const [exact, other] = [await plain.generate({ ...request, exact: true }).result, await drafted.generate(request).result]
        expect([other.tokens, other.logprob]).toEqual([exact.tokens, exact.logprob])
        guessed += other.stats.draftedTokens
        accepted += other.stats.acceptedTokens
      }),
      { numRuns: rounds },
    )
    expect(accepted).toBeGreaterThan(10)
    expect(guessed).toBeGreaterThan(accepted)
  })
})
