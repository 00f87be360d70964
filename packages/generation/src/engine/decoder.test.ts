import { describe, expect, it, onTestFinished } from 'vitest'
import { createSampler } from '../sampling/index.js'
import type { Constraint } from '../constraint/index.js'
import type { DecoderParts } from './create-decoder.js'
import type { Generation, GenerationPiece } from './decoder.js'
import { BYTES_PER_POSITION, fakeDecoder, fakeExecutable, plainly, textOf, tokenizer, VOCABULARY, type FakeOptions } from './test-decoder.js'

const greedily = (prompt: readonly number[], count: number, salt = 0, end: readonly number[] = []) => plainly(prompt, count, createSampler({}), { salt, end })

/** Random tokens, the same each time. */
const text = (length: number, seed = 1) => Array.from({ length }, (_, index) => 1 + ((index * 7919 + seed * 104_729 + ((index * index) % 13)) % (VOCABULARY - 1)))

function open(parts: Partial<DecoderParts> & { readonly fake?: FakeOptions } = {}) {
  const decoder = fakeDecoder(parts)
  onTestFinished(async () => {
    await decoder.dispose()
    expect(decoder.executable.live).toBe(0)
  })
  return decoder
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a decoder', () => {
  it('streams text whose pieces are the result', async () => {
    const decoder = open()
    const generation = decoder.generate({ prompt: text(5), maxNewTokens: 20, endTokens: [] })
    const pieces: GenerationPiece[] = []
    for await (const piece of generation) pieces.push(piece)
    const result = await generation.result
    expect(result).toMatchObject({ tokens: greedily(text(5), 20), text: textOf(greedily(text(5), 20)), finishReason: 'length' })
    expect(pieces.map(({ text }) => text).join('')).toBe(result.text)
    expect(pieces.flatMap(({ tokens }) => tokens)).toEqual(result.tokens)
    expect(pieces.length).toBeGreaterThan(10)
  })

  it('reads a prompt in chunks, and asks for logits at its end', async () => {
    const decoder = open({ chunkTokens: 16 })
    await decoder.generate({ prompt: text(40), maxNewTokens: 3, endTokens: [] }).result
    expect(decoder.executable.runs).toEqual([{ batch: 1, sequence: 16 }, { batch: 1, sequence: 16 }, { batch: 1, sequence: 8 }, { batch: 1, sequence: 1 }, { batch: 1, sequence: 1 }])
  })

  it('pays for the changed tail alone when a character is added', async () => {
    const decoder = open({ chunkTokens: 512 })
    const file = text(200)
    await decoder.generate({ prompt: file, maxNewTokens: 8, endTokens: [] }).result
    const before = decoder.executable.runs.length
    const { stats, tokens } = await decoder.generate({ prompt: [...file, 5], maxNewTokens: 2, endTokens: [] }).result
    expect(stats).toMatchObject({ promptTokens: 201, cachedTokens: 200, generatedTokens: 2 })
    expect(decoder.executable.runs.slice(before)).toEqual([{ batch: 1, sequence: 2 }, { batch: 1, sequence: 1 }])
    expect(tokens).toEqual(greedily([...file, 5], 2))
  })

  it('runs the last token of a prompt again, to know what comes next', async () => {
    const decoder = open()
    const prompt = text(30)
    const [first, second] = [await decoder.generate({ prompt, maxNewTokens: 5, endTokens: [] }).result, await decoder.generate({ prompt, maxNewTokens: 5, endTokens: [] }).result]
    expect(second.stats.cachedTokens).toBe(29)
    expect(second.tokens).toEqual(first.tokens)
  })

  it('keeps several prefixes, and drops the one that was used longest ago', async () => {
    const decoder = open({ slots: 2 })
    const [a, b, c] = [text(50, 1), text(50, 2), text(50, 3)]
    const cached = async (prompt: readonly number[]) => (await decoder.generate({ prompt, maxNewTokens: 2, endTokens: [] }).result).stats.cachedTokens
    expect([await cached(a), await cached(b)]).toEqual([0, 0])
    expect([await cached(a), await cached(b), await cached(a)]).toEqual([49, 49, 49])
    expect(await cached(c)).toBe(0) // in the place of b
    expect([await cached(a), await cached(c), await cached(b)]).toEqual([49, 49, 0])
  })

  it('copies a prefix that another generation is using', async () => {
    const decoder = open()
    const prompt = text(60)
    const one = decoder.generate({ prompt, maxNewTokens: 200, endTokens: [] })
    const iterator = one[Symbol.asyncIterator]()
    await iterator.next()
    const { stats, tokens } = await decoder.generate({ prompt: [...prompt, 3, 4], maxNewTokens: 5, endTokens: [] }).result
    expect(stats.cachedTokens).toBe(60)
    expect(tokens).toEqual(greedily([...prompt, 3, 4], 5))
    expect((await one.result).tokens).toEqual(greedily(prompt, 200))
  })

  it('reads a prompt once for all that begin with it at the same time', async () => {
    const decoder = open({ chunkTokens: 16 })
    const prompt = text(64)
    const candidates = await Promise.all([1, 2, 3, 4].map((seed) => decoder.generate({ prompt, maxNewTokens: 10, endTokens: [], temperature: 1, seed }).result))
    expect(candidates.map(({ stats }) => stats.cachedTokens)).toEqual([0, 63, 63, 63])
    expect(candidates.map(({ tokens }) => tokens)).toEqual([1, 2, 3, 4].map((seed) => plainly(prompt, 10, createSampler({ temperature: 1, seed }), { end: [] })))
    const chunks = decoder.executable.runs.flatMap(({ sequence }) => (sequence > 1 ? [sequence] : []))
    expect(chunks.toSorted((a, b) => a - b)).toEqual([2, 2, 2, 16, 16, 16, 16]) // the others run the prompt's end again
  })

  it('steps together whoever decodes at the same time', async () => {
    const decoder = open()
    const results = await Promise.all([1, 2, 3].map((seed) => decoder.generate({ prompt: text(4, seed), maxNewTokens: 20, endTokens: [] }).result))
    expect(results.map(({ tokens }) => tokens)).toEqual([1, 2, 3].map((seed) => greedily(text(4, seed), 20)))
    expect(decoder.executable.runs.filter(({ sequence }) => sequence === 1).length).toBeLessThan(30)
  })

  it('lets others step between the chunks of a long prompt', async () => {
    const order: string[] = []
    const decoder = open({ chunkTokens: 512, fake: { before: ({ sequence }) => void order.push(sequence > 1 ? 'chunk' : 'step') } })
    const one = decoder.generate({ prompt: text(3), maxNewTokens: 60, endTokens: [] })
    await one[Symbol.asyncIterator]().next()
    const start = order.length
    await decoder.generate({ prompt: text(400, 2), maxNewTokens: 1, endTokens: [] }).result
    expect(order.slice(start, start + 12).join(' ')).toMatch(/chunk step chunk step chunk step/)
    await one.result
  })

  it('reads ahead of a request with maxNewTokens 0', async () => {
    const decoder = open()
    const result = await decoder.generate({ prompt: text(40), maxNewTokens: 0 }).result
    expect(result).toMatchObject({ text: '', tokens: [], finishReason: 'length', stats: { generatedTokens: 0, timeToFirstToken: 0, tokensPerSecond: 0 } })
    expect((await decoder.generate({ prompt: [...text(40), 2], maxNewTokens: 1 }).result).stats.cachedTokens).toBe(40)
  })

  it('scores a text as the model does', async () => {
    const decoder = open({ chunkTokens: 16 })
    const ids = text(50)
    const logprobs = await decoder.score(ids)
    expect(logprobs).toHaveLength(49)
    const greedy = greedily(ids.slice(0, 20), 1)[0]!
    const best = await decoder.score([...ids.slice(0, 20), greedy])
    const other = await decoder.score([...ids.slice(0, 20), (greedy % (VOCABULARY - 1)) + 1])
    expect(best.at(-1)!).toBeGreaterThan(other.at(-1)!)
    expect(best.subarray(0, 19)).toEqual(logprobs.subarray(0, 19))
    const all = await Promise.all(Array.from({ length: VOCABULARY }, async (_, id) => Math.exp((await decoder.score([...ids.slice(0, 20), id])).at(-1)!)))
    expect(all.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 5)
    expect(await decoder.score([4])).toEqual(new Float32Array(0))
  })

  it('says how likely its text was', async () => {
    const decoder = open()
    const prompt = text(12)
    const { tokens, logprob } = await decoder.generate({ prompt, maxNewTokens: 9, endTokens: [] }).result
    const scored = await decoder.score([...prompt, ...tokens])
    expect(logprob).toBeCloseTo(scored.subarray(11).reduce((sum, each) => sum + each, 0), 3)
  })
})

describe('the end of a generation', () => {
  const prompt = text(6)
  const tokens = greedily(prompt, 60)
  const whole = textOf(tokens)

  it('is an end token, which leaves no text', async () => {
    const end = tokens[10]!
    const at = tokens.indexOf(end)
    const result = await open().generate({ prompt, endTokens: [end], maxNewTokens: 60 }).result
    expect(result).toMatchObject({ finishReason: 'end-token', tokens: tokens.slice(0, at + 1), text: textOf(tokens.slice(0, at)) })
  })

  it('is a stop token, which leaves no text', async () => {
    const end = tokens[10]!
    const at = tokens.indexOf(end)
    expect(await open().generate({ prompt, endTokens: [], stopTokens: [end], maxNewTokens: 60 }).result).toMatchObject({ finishReason: 'stop-token', text: textOf(tokens.slice(0, at)) })
  })

  it('is a stop string over several tokens, of which nothing is streamed', async () => {
    const stop = whole.slice(12, 16)
    const generation = open().generate({ prompt, endTokens: [], stop: [stop], maxNewTokens: 60 })
    let streamed = ''
    for await (const piece of generation) streamed += piece.text
    const result = await generation.result
    expect(result).toMatchObject({ finishReason: 'stop-string', text: whole.slice(0, whole.indexOf(stop)) })
    expect(streamed).toBe(result.text)
  })

  it('is where until says', async () => {
    const generation = open().generate({ prompt, endTokens: [], maxNewTokens: 60, until: (soFar) => (soFar.length >= 9 ? 8 : undefined) })
    let streamed = ''
    for await (const piece of generation) streamed += piece.text
    expect(await generation.result).toMatchObject({ finishReason: 'until', text: whole.slice(0, 8) })
    expect(streamed.length).toBeLessThanOrEqual(8)
  })

  it('is the end of the context', async () => {
    const decoder = open({ contextLength: 20 })
    const result = await decoder.generate({ prompt, endTokens: [] }).result
    expect(result).toMatchObject({ finishReason: 'length', tokens: tokens.slice(0, 14) })
    expect((await decoder.generate({ prompt, maxNewTokens: 500, endTokens: [] }).result).tokens).toHaveLength(14)
    expect((await decoder.generate({ prompt: text(20) }).result)).toMatchObject({ finishReason: 'length', tokens: [] })
    // The context is full to its last position, and its neighbours step on.
    const [full, other] = await Promise.all([decoder.generate({ prompt: text(19), endTokens: [] }).result, decoder.generate({ prompt: text(3, 2), endTokens: [] }).result])
    expect([full.tokens, other.tokens]).toEqual([greedily(text(19), 1), greedily(text(3, 2), 17)])
  })
})

describe('a request that cannot be met', () => {
  it('tells how long the prompt is and how long the context', () => {
    expect(() => open({ contextLength: 20 }).generate({ prompt: text(21) })).toThrow('The prompt has 21 tokens, and the context holds 20.')
  })

  it('is refused where the cache cannot hold it, before anything is allocated', async () => {
    const told: number[] = []
    const decoder = open({ cacheBytes: 256 * BYTES_PER_POSITION, emit: (event) => event.type === 'memory' && told.push(event.bytes) })
    expect(() => decoder.generate({ prompt: text(10), maxNewTokens: 300 })).toThrow(expect.objectContaining({ code: 'TENON_INVALID_INPUT' }))
    expect(() => decoder.generate({ prompt: text(10), maxNewTokens: 300 })).toThrow(/needs a cache of 310 positions, and 24576 bytes hold 256/)
    await turn()
    expect(told).toEqual([])
    expect((await decoder.generate({ prompt: text(10), endTokens: [] }).result).tokens).toHaveLength(246) // what there is room for
    expect(Math.max(...told)).toBeLessThanOrEqual(256 * BYTES_PER_POSITION)
  })

  it.each([
    [{ prompt: [] }, 'The prompt is empty'],
    [{ prompt: [1, VOCABULARY] }, 'The prompt holds 24 at 1, and the model knows the tokens 0 to 23'],
    [{ prompt: 'text' as unknown as number[] }, 'The prompt is'],
    [{ prompt: [1], maxNewTokens: -1 }, "The option 'maxNewTokens' of decoder.generate is -1"],
    [{ prompt: [1], stop: [''] }, "The option 'stop'"],
    [{ prompt: [1], maxTokens: 5 } as never, "The option 'maxTokens' of decoder.generate is unknown"],
    [{ prompt: [1], beams: 9 }, "The option 'beams' of decoder.generate is 9, and the decoder has 8 slots"],
    [{ prompt: [1], beams: 2, temperature: 1 }, "The option 'temperature' of decoder.generate goes with no beam search"],
    [{ prompt: [1], beams: 2, topK: 5 }, "The option 'topK' of decoder.generate goes with no beam search"],
    [{ prompt: [1], beams: { count: 2, lengthpenalty: 2 } as never }, "The option 'lengthpenalty' of beams is unknown"],
    [{ prompt: [1], constraint: 'root ::= "a"' as never }, "The option 'constraint' of decoder.generate is string"],
    [{ prompt: [1], speculation: 'guess' as never }, "The option 'speculation' of decoder.generate is guess"],
  ])('%j is told at once', (request, message) => {
    expect(() => open().generate(request)).toThrow(message)
  })

  it('is told of a draft model that is not of its kind', () => {
    const decoder = open()
    expect(() => decoder.generate({ prompt: [1], speculation: { draft: decoder } })).toThrow('drafts with the decoder itself')
    const others = open({ tokenizer: { ...tokenizer, vocabularySize: 30 } as never })
    expect(() => decoder.generate({ prompt: [1], speculation: { draft: others } })).toThrow("has a draft that has a vocabulary of 30 tokens, where the model's has 24")
    const foreign = open({ tokenizer: { ...tokenizer, tokenOf: (id: number) => (id === 7 ? 'other' : tokenizer.tokenOf(id)) } as never })
    expect(() => decoder.generate({ prompt: [1], speculation: { draft: foreign } })).toThrow("has a draft that has the token 7 'other', where the model's is 'f'")
  })
})

describe('a failure', () => {
  it('of a run is told to whoever was in it, and the decoder goes on', async () => {
    let failing = false
    const decoder = open({ fake: { before: () => { if (failing) throw new Error('out of luck') } } })
    const prompt = text(40)
    await decoder.generate({ prompt, maxNewTokens: 3, endTokens: [] }).result
    failing = true
    await expect(decoder.generate({ prompt: [...prompt, 1], maxNewTokens: 3 }).result).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED' })
    failing = false
    const { tokens, stats } = await decoder.generate({ prompt: [...prompt, 2], maxNewTokens: 9, endTokens: [] }).result
    expect(tokens).toEqual(greedily([...prompt, 2], 9))
    expect(stats.cachedTokens).toBe(39) // the run that failed was of the last two: the one token that was new, and the one before it
  })

  it('of the numbers is told, and the cache stays right', async () => {
    let failing = true
    const decoder = open({ fake: { after: (logits) => { if (failing) logits[3] = NaN } } })
    const prompt = text(20)
    await expect(decoder.generate({ prompt, maxNewTokens: 3 }).result).rejects.toMatchObject({ code: 'TENON_INVALID_LOGITS' })
    failing = false
    expect((await decoder.generate({ prompt, maxNewTokens: 9, endTokens: [] }).result).tokens).toEqual(greedily(prompt, 9))
  })

  it('of a caller\'s own function is thrown as it is, to that caller alone', async () => {
    const decoder = open()
    const wrong = new Error('mine')
    const one = decoder.generate({ prompt: text(5), maxNewTokens: 9, until: () => { throw wrong } })
    const other = decoder.generate({ prompt: text(5, 2), maxNewTokens: 9, endTokens: [] })
    await expect(one.result).rejects.toBe(wrong)
    expect((await other.result).tokens).toEqual(greedily(text(5, 2), 9))
  })

  it('that nobody looks at is no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const listen = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', listen)
    const decoder = open({ fake: { before: () => { throw new Error('no') } } })
    decoder.generate({ prompt: text(5), maxNewTokens: 3 })
    decoder.generate({ prompt: text(5), maxNewTokens: 3, signal: AbortSignal.abort() })
    for (let count = 0; count < 20; count++) await turn()
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })
})

describe('stopping', () => {
  it('aborts the run itself, and leaves what was in the cache', async () => {
    const controller = new AbortController()
    const paused: (() => void)[] = []
    let ended = 0
    const decoder = open({
      fake: {
        before: ({ index, signal }) =>
          index < 6 ? undefined : new Promise((resolve, reject) => {
            paused.push(resolve)
            signal!.addEventListener('abort', () => { ended++; reject(signal!.reason) })
          }),
      },
    })
    const prompt = text(20)
    const generation = decoder.generate({ prompt, maxNewTokens: 100, endTokens: [], signal: controller.signal })
    while (paused.length === 0) await turn()
    controller.abort('enough')
    await expect(generation.result).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
    await turn()
    expect(ended).toBe(1)
    paused.pop()
    const next = decoder.generate({ prompt: [...prompt, 3], maxNewTokens: 1 })
    while (paused.length === 0) await turn()
    paused.pop()!()
    expect((await next.result).stats.cachedTokens).toBe(20)
  })

  it('of one leaves the run to the others in it', async () => {
    const controller = new AbortController()
    const decoder = open({ fake: { before: turn as () => Promise<void> } })
    const [one, other] = [decoder.generate({ prompt: text(5), maxNewTokens: 200, endTokens: [], signal: controller.signal }), decoder.generate({ prompt: text(5, 2), maxNewTokens: 40, endTokens: [] })]
    const iterator = other[Symbol.asyncIterator]()
    for (let count = 0; count < 5; count++) await iterator.next()
    controller.abort()
    await expect(one.result).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect((await other.result).tokens).toEqual(greedily(text(5, 2), 40))
  })

  it.each(['until', 'a processor'])('from within %s ends it there, and nothing comes after', async (where) => {
    const decoder = open()
    const controller = new AbortController()
    let calls = 0
    const stop = (): undefined => {
      if (++calls === 4) controller.abort()
    }
    const generation = decoder.generate({ prompt: text(5), maxNewTokens: 20, endTokens: [], signal: controller.signal, ...(where === 'until' ? { until: () => (stop(), calls === 4 ? 2 : undefined) } : { processors: [stop] }) })
    const pieces: GenerationPiece[] = []
    const iterated = (async () => {
      for await (const piece of generation) pieces.push(piece)
    })()
    await expect(iterated).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    await expect(generation.result).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect([calls, pieces.length]).toEqual([4, 3])
  })

  it('leaves the loop and the slot', async () => {
    const decoder = open({ slots: 1 })
    const generation = decoder.generate({ prompt: text(5), maxNewTokens: 300, endTokens: [] })
    let seen = 0
    for await (const _ of generation) if (++seen === 3) break
    expect((await decoder.generate({ prompt: text(5, 2), maxNewTokens: 4, endTokens: [] }).result).tokens).toEqual(greedily(text(5, 2), 4))
    await expect(generation.result).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect(decoder.executable.runs.length).toBeLessThan(60)
  })

  it('pulling holds a generation up, which goes on when more is pulled', async () => {
    const decoder = open()
    const generation = decoder.generate({ prompt: text(5), maxNewTokens: 300, endTokens: [] })
    const iterator = generation[Symbol.asyncIterator]()
    const tokens = [...(await iterator.next()).value!.tokens]
    for (let count = 0; count < 200; count++) await turn()
    const ahead = decoder.executable.runs.length
    expect(ahead).toBeLessThan(50)
    for (;;) {
      const { value, done } = await iterator.next()
      if (done) break
      tokens.push(...value.tokens)
    }
    expect(tokens).toEqual(greedily(text(5), 300))
  })

  it('pulling gives the slot to whoever needs it, and the text goes on the same', async () => {
    const decoder = open({ slots: 1 })
    const generation = decoder.generate({ prompt: text(5), maxNewTokens: 100, endTokens: [] })
    const iterator = generation[Symbol.asyncIterator]()
    const first = [...(await iterator.next()).value!.tokens]
    for (let count = 0; count < 100; count++) await turn()
    expect((await decoder.generate({ prompt: text(30, 2), maxNewTokens: 40, endTokens: [] }).result).tokens).toEqual(greedily(text(30, 2), 40))
    expect((await generation.result).tokens).toEqual(greedily(text(5), 100)) // who asks for the end waits for no one
    expect(first).toEqual(greedily(text(5), first.length))
  })

  it.each([
    ['all of the cache', {}, false],
    ['what was read', { reuse: 'read' }, false],
    ['exact steps', { exact: true }, false],
    ['exact steps, where another graph reads prompts', { exact: true }, true],
  ] as const)('pulling costs no reading where nobody took the slot: with %s', async (_, options, apart) => {
    const runs: number[] = []
    const fake: FakeOptions = { before: ({ sequence }) => void runs.push(sequence) }
    // Room for four texts of 256 tokens, or for one of 1024.
    const decoder = open({ cacheBytes: 1024 * BYTES_PER_POSITION, fake, ...(apart && { prefill: fakeExecutable(fake) }) })
    const held: Generation[] = []
    for (const seed of [1, 2]) {
      const generation = decoder.generate({ prompt: text(30, seed), maxNewTokens: 200, endTokens: [], ...options })
      await generation[Symbol.asyncIterator]().next()
      for (let count = 0; count < 300; count++) await turn()
      held.push(generation)
    }
    // It may come to need all there is, so that both give up their slots; it takes the first one's.
    await decoder.generate({ prompt: text(10, 3), endTokens: [], until: (text) => (text.length > 2 ? 0 : undefined) }).result
    const goOn = async (place: 0 | 1) => {
      const before = runs.length
      expect((await held[place]!.result).tokens).toEqual(greedily(text(30, place + 1), 200))
      return Math.max(...runs.slice(before))
    }
    expect(await goOn(1)).toBe('exact' in options ? 2 : 1) // steps alone, though exact ones are of even length
    expect(await goOn(0)).toBe(16) // a chunk of what is read again
  })

  it('the decoder ends what is under way, and refuses what comes', async () => {
    const decoder = fakeDecoder({ fake: { before: turn as () => Promise<void> } })
    const [one, other] = [decoder.generate({ prompt: text(5), maxNewTokens: 300, endTokens: [] }), decoder.score(text(50))]
    await one[Symbol.asyncIterator]().next()
    await Promise.all([
      expect(one.result).rejects.toMatchObject({ code: 'TENON_DISPOSED' }),
      expect(other).rejects.toMatchObject({ code: 'TENON_DISPOSED' }),
      decoder.dispose(),
    ])
    expect(() => decoder.generate({ prompt: [1] })).toThrow(expect.objectContaining({ code: 'TENON_DISPOSED' }))
    await expect(decoder.score([1, 2])).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
    expect(decoder.executable.live).toBe(0)
  })
})

describe('guesses', () => {
  /** Allows of each token only some, by how many were accepted: what it allows depends on all that was accepted. */
  const constraint = (before: readonly number[] = []): Constraint & { readonly taken: readonly number[] } => {
    const taken = [...before]
    let accepted = taken.reduce((sum, token) => sum + 1 + (token % 2), 0)
    return {
      taken,
      mask: (logits: Float32Array) => logits.forEach((_, id) => ((id + accepted) % 3 === 0 ? undefined : (logits[id] = -Infinity))),
      accept(token: number) {
        if ((token + accepted) % 3 !== 0) return false
        taken.push(token)
        accepted += 1 + (token % 2)
        return true
      },
      finished: false,
      complete: true,
      rollback: () => expect.unreachable(),
      fork: () => constraint(taken),
    }
  }

  it('change nothing under a constraint, which hears of no guess that is wrong', async () => {
    const prompt = [...text(6), ...text(6)]
    const decoder = open()
    const draft = open({ fake: { salt: 1 } })
    const plain = await decoder.generate({ prompt, maxNewTokens: 60, endTokens: [], constraint: constraint() }).result
    for (const speculation of ['prompt-lookup' as const, { promptLookup: { shortest: 1, tokens: 3 } }, { draft }]) {
      const own = constraint()
      const guessed = await decoder.generate({ prompt, maxNewTokens: 60, endTokens: [], constraint: async () => own, speculation }).result
      expect(guessed.tokens).toEqual(plain.tokens)
      expect(own.taken).toEqual(plain.tokens)
      expect(guessed.stats.draftedTokens).toBeGreaterThan(0)
    }
  })

  it('save runs where a text repeats itself', async () => {
    const decoder = open()
    const prompt = text(8)
    const plain = await decoder.generate({ prompt, maxNewTokens: 150, endTokens: [] }).result
    const before = decoder.executable.runs.length
    const guessed = await decoder.generate({ prompt: [...prompt, ...plain.tokens, ...prompt], maxNewTokens: 150, endTokens: [], speculation: 'prompt-lookup', reuse: 'all' }).result
    expect(guessed.tokens).toEqual(greedily([...prompt, ...plain.tokens, ...prompt], 150))
    expect(guessed.stats.acceptedTokens).toBeGreaterThan(5)
    expect(decoder.executable.runs.length - before).toBe(150 - guessed.stats.acceptedTokens) // one for the new end of the prompt and the first token
  })

  it('end where the text ends', async () => {
    const decoder = open()
    const prompt = text(6)
    const tokens = greedily(prompt, 60)
    const end = tokens[30]!
    const at = tokens.indexOf(end)
    const result = await decoder.generate({ prompt: prompt, maxNewTokens: 60, endTokens: [end], speculation: { promptLookup: { shortest: 1 } } }).result
    expect(result.tokens).toEqual(tokens.slice(0, at + 1))
    // What was guessed beyond the end is not taken for text that was read.
    expect((await decoder.generate({ prompt: [...prompt, ...result.tokens, 3, 4], maxNewTokens: 20, endTokens: [] }).result).tokens).toEqual(greedily([...prompt, ...result.tokens, 3, 4], 20))
  })

  it('that fail are told', async () => {
    const draft = open({ fake: { before: () => { throw new Error('no draft') } } })
    await expect(open().generate({ prompt: text(5), maxNewTokens: 9, endTokens: [], speculation: { draft } }).result).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED' })
  })
})

describe('beams', () => {
  it('are the same beside others, and leave their slots', async () => {
    const decoder = open({ slots: 6 })
    const request = { prompt: text(9), maxNewTokens: 25, endTokens: [4], beams: { count: 4, best: 4 } }
    const alone = await decoder.generate(request).result
    expect(alone.beams!.map(({ score }) => score)).toEqual(alone.beams!.map(({ score }) => score).toSorted((a, b) => b - a))
    expect(new Set(alone.beams!.map(({ tokens }) => tokens.join())).size).toBe(4)
    const [beside, other, third] = await Promise.all([
      decoder.generate(request).result,
      decoder.generate({ prompt: text(9, 2), maxNewTokens: 40, endTokens: [] }).result,
      decoder.generate({ ...request, prompt: text(11, 3), beams: 2 }).result,
    ])
    expect(beside.beams).toEqual(alone.beams)
    expect(other.tokens).toEqual(greedily(text(9, 2), 40))
    expect(third.beams).toHaveLength(1)
    for (const beam of alone.beams!) {
      const scored = await decoder.score([...request.prompt, ...beam.tokens])
      expect(beam.logprob).toBeCloseTo(scored.subarray(8).reduce((sum, each) => sum + each, 0), 3)
    }
  })

  it('with one beam are greedy', async () => {
    expect((await open().generate({ prompt: text(7), maxNewTokens: 30, endTokens: [], beams: 1 }).result).tokens).toEqual(greedily(text(7), 30))
  })

  it('end at stop strings', async () => {
    const decoder = open()
    const plain = await decoder.generate({ prompt: text(7), maxNewTokens: 20, endTokens: [], beams: 3 }).result
    const stop = plain.text.slice(4, 6)
    const result = await decoder.generate({ prompt: text(7), maxNewTokens: 20, endTokens: [], stop: [stop], beams: { count: 3, best: 3 } }).result
    expect(result.beams!.some(({ finishReason }) => finishReason === 'stop-string')).toBe(true)
    for (const { text } of result.beams!) expect(text).not.toContain(stop)
  })

  it('can be left', async () => {
    const decoder = open({ fake: { before: turn as () => Promise<void> } })
    const controller = new AbortController()
    const search = decoder.generate({ prompt: text(7), maxNewTokens: 200, endTokens: [], beams: 4, signal: controller.signal })
    for (let count = 0; count < 10; count++) await turn()
    controller.abort()
    await expect(search.result).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect((await decoder.generate({ prompt: text(7), maxNewTokens: 30, endTokens: [] }).result).tokens).toEqual(greedily(text(7), 30))
  })
})

describe('a graph for prompts alone', () => {
  it('reads them, and what is generated runs on the other', async () => {
    const [steps, prompts] = [fakeExecutable(), fakeExecutable()]
    const decoder = open({ decoder: steps, prefill: prompts, chunkTokens: 16 })
    const prompt = text(40)
    expect((await decoder.generate({ prompt, maxNewTokens: 30, endTokens: [], speculation: 'prompt-lookup' }).result).tokens).toEqual(greedily(prompt, 30))
    expect(prompts.runs).toEqual([16, 16, 8].map((sequence) => ({ batch: 1, sequence })))
    // The last token of a prompt that is cached too, so that its logits are the same each time.
    await decoder.generate({ prompt, maxNewTokens: 1 }).result
    expect(prompts.runs).toHaveLength(4)
    expect(steps.runs.length).toBeGreaterThan(0)
  })
})
