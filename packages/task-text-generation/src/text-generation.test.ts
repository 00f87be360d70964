import { AbortedError, createRuntime, DisposedError, InvalidInputError, InvalidOptionError, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { grammar } from '@tenon/generation'
import { llama } from '@tenon/models/llama'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Answer } from './answer.js'
import { ChatTemplateError, ContextFullError, textGeneration, type Message, type TextGenerationOptions } from './index.js'
import { chatModel, modelWith, saying } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 1 }), llama(), textGeneration()] })
afterAll(() => runtime.dispose())

const checkpoint = await openFolder(chatModel)
const tokenizer = await checkpoint.tokenizer()
afterAll(() => checkpoint[Symbol.asyncDispose]())

const generator = async (model = chatModel, options: TextGenerationOptions = {}) => {
  const generate = await runtime.task('text-generation', { model, ...options })
  onTestFinished(() => generate.dispose())
  return generate
}

let shared: Awaited<ReturnType<typeof generator>>
beforeAll(async () => {
  shared = await runtime.task('text-generation', { model: chatModel })
})

const question: readonly Message[] = [{ role: 'user', content: 'How long should oak dry?' }]
const failure = (answer: Answer): Promise<unknown> => answer.result.then(() => undefined, (error: unknown) => error)

async function pieces(answer: Answer): Promise<string[]> {
  const all: string[] = []
  for await (const piece of answer) all.push(piece)
  return all
}

describe('an answer', () => {
  it('streams, and its pieces are its text', async () => {
    const answer = shared(question, { maxNewTokens: 24 })
    const all = await pieces(answer)
    const { text, finishReason, message, stats, candidates, toolCalls } = await answer.result
    expect(all.length).toBeGreaterThan(3)
    expect(all.join('')).toBe(text)
    expect(finishReason).toBe('length')
    expect(message).toEqual({ role: 'assistant', content: text })
    expect(candidates).toMatchObject([{ text }])
    expect(toolCalls).toEqual([])
    expect(stats.generatedTokens).toBe(24)
    expect(stats.promptTokens).toBe((await shared.prompt(question)).ids.length)
    expect(stats.timeToFirstToken).toBeGreaterThan(0)
  })

  it('to messages is the one to the text that the template makes of them', async () => {
    const { text: prompt, ids } = await shared.prompt(question)
    expect(prompt).toBe('<|im_start|>user\nHow long should oak dry?<|im_end|>\n<|im_start|>assistant\n')
    expect(ids).toEqual((await tokenizer.encode(prompt, { addSpecialTokens: false })).ids)
    const [chat, plain] = await Promise.all([shared(question, { maxNewTokens: 16 }).result, shared(prompt, { maxNewTokens: 16 }).result])
    expect(plain.text).toBe(chat.text)
  })

  it('ends with the turn as the template writes it, though the files name another token', async () => {
    const answer = await shared(question, { processors: [await saying('Two years.<|im_end|>', tokenizer)] }).result
    expect(answer).toMatchObject({ text: 'Two years.', finishReason: 'stop-token' })
    expect(await shared(question, { processors: [await saying('Two years.<|endoftext|>', tokenizer)] }).result).toMatchObject({ text: 'Two years.', finishReason: 'end-token' })
    // A prompt has no turns: what it goes on with is passed on.
    expect(await shared('Oak', { maxNewTokens: 8, processors: [await saying('Two<|im_end|>', tokenizer)] }).result).toMatchObject({ finishReason: 'length' })
  })

  it('ends at stop strings, which are not part of it', async () => {
    const answer = shared(question, { stop: ['ye'], processors: [await saying('Two years.<|im_end|>', tokenizer)] })
    expect((await pieces(answer)).join('')).toBe('Two ')
    expect((await answer.result).finishReason).toBe('stop-string')
  })

  it('is never longer than the context', async () => {
    const generate = await generator(chatModel, { contextLength: 64 })
    expect(generate.contextLength).toBe(64)
    const { stats, finishReason } = await generate(question).result
    expect(stats.promptTokens + stats.generatedTokens).toBe(64)
    expect(finishReason).toBe('length')
  })

  it('tells how likely it was where that is asked', async () => {
    const [plain, asked] = [await shared(question, { maxNewTokens: 4 }).result, await shared(question, { maxNewTokens: 4, logprobs: true }).result]
    expect(plain.candidates).toEqual([{ text: plain.text, finishReason: 'length' }])
    expect(asked.candidates).toEqual([{ ...plain.candidates[0], logprob: expect.any(Number) }])
    expect(asked.candidates[0]!.logprob).toBeLessThan(0)
  })

  it('may be one of several, the likeliest first', async () => {
    const { candidates, text } = await shared(question, { candidates: 3, temperature: 1, seed: 3, maxNewTokens: 6 }).result
    expect(candidates).toHaveLength(3)
    expect(new Set(candidates.map((each) => each.text)).size).toBe(3)
    expect(text).toBe(candidates[0]!.text)
    expect(candidates.map(({ logprob }) => logprob)).toEqual(candidates.map(({ logprob }) => logprob!).toSorted((a, b) => b - a))
    const unasked = await shared(question, { candidates: 3, temperature: 1, seed: 3, maxNewTokens: 6, logprobs: false }).result
    expect(unasked.candidates).toEqual(candidates)
    const answer = shared(question, { candidates: 3, temperature: 1, seed: 3, maxNewTokens: 6 })
    expect(await pieces(answer)).toEqual([text])
    expect(await failure(shared(question, { candidates: 2 }))).toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'candidates' })
  })

  it('may be one of several from the last seed there is', async () => {
    const drawn = (seed: number) => shared(question, { candidates: 3, temperature: 1, seed, maxNewTokens: 8 }).result
    const [last, first] = await Promise.all([drawn(Number.MAX_SAFE_INTEGER), drawn(0)])
    expect(new Set(last.candidates.map(({ text }) => text)).size).toBe(3)
    // Behind the last one the seeds begin anew: with 0 and 1, which are the first two of the other three.
    expect(last.candidates.filter(({ text }) => first.candidates.some((other) => other.text === text))).toHaveLength(2)
  })

  it('may be found by beam search', async () => {
    const greedy = await shared(question, { maxNewTokens: 8, repetitionPenalty: 1, logprobs: true }).result
    const { candidates, text } = await shared(question, { beams: { count: 3, best: 2 }, maxNewTokens: 8 }).result
    expect(candidates).toHaveLength(2)
    expect(text).toBe(candidates[0]!.text)
    expect(candidates[0]!.logprob).toBeGreaterThanOrEqual(greedy.candidates[0]!.logprob! - 1e-4)
  })

  it('is the same whether guessed ahead or not', async () => {
    const plain = await shared(question, { maxNewTokens: 40 }).result
    const guessed = await shared(question, { maxNewTokens: 40, speculation: 'prompt-lookup' }).result
    expect(guessed.text).toBe(plain.text)
  })

  it('names the tools to be called', async () => {
    const tools = [{ type: 'function', function: { name: 'weigh', parameters: {} } }]
    const processors = [await saying('I weigh.<tool_call>{"name": "weigh", "arguments": {"board": "A1"}}</tool_call><|im_end|>', tokenizer)]
    const { text, message, toolCalls } = await shared(question, { tools, processors, maxNewTokens: 200 }).result
    expect(text).toContain('<tool_call>')
    expect(toolCalls).toEqual([{ name: 'weigh', arguments: { board: 'A1' } }])
    expect(message).toEqual({ role: 'assistant', content: 'I weigh.', tool_calls: [{ id: 'c00010000', type: 'function', function: { name: 'weigh', arguments: { board: 'A1' } } }] })
    expect((await shared(question, { processors, maxNewTokens: 200 }).result).toolCalls).toEqual([])
  })
})

describe('an answer that is stopped', () => {
  it('throws where it is iterated and where its result is awaited', async () => {
    const stop = new AbortController()
    const answer = shared(question, { signal: stop.signal })
    let seen = 0
    await expect(async () => {
      for await (const _ of answer) if (++seen === 2) stop.abort(new Error('enough'))
    }).rejects.toBeInstanceOf(AbortedError)
    await expect(answer.result).rejects.toBeInstanceOf(AbortedError)
    expect(await failure(shared(question, { signal: AbortSignal.abort() }))).toBeInstanceOf(AbortedError)
  })

  it('ends when its loop is left', async () => {
    const answer = shared(question)
    for await (const _ of answer) break
    await expect(answer.result).rejects.toBeInstanceOf(AbortedError)
    expect((await shared(question, { maxNewTokens: 2 }).result).stats.generatedTokens).toBe(2)
  })

  it('needs nobody to look at it', async () => {
    shared([{ role: 'user', content: 'x' }], { template: '{% nonsense %}' })
    shared(question, { signal: AbortSignal.abort() })
    const unhandled: unknown[] = []
    const listen = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', listen)
    await new Promise((resolve) => setTimeout(resolve, 20))
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })
})

describe('what generation_config.json recommends', () => {
  it('is the default, and can be overruled', async () => {
    const plain = await shared(question, { maxNewTokens: 30, repetitionPenalty: 1 }).result
    const generate = await generator(await modelWith('generation_config.json', { repetition_penalty: 5, max_new_tokens: 30 }))
    const punished = await generate(question).result
    expect(punished.stats.generatedTokens).toBe(30)
    expect(punished.text).not.toBe(plain.text)
    expect((await generate(question, { repetitionPenalty: 1 }).result).text).toBe(plain.text)
  })

  it('is to draw where it says so', async () => {
    const told = { do_sample: true, temperature: 5, repetition_penalty: 1 }
    const drawing = await generator(await modelWith('generation_config.json', told))
    const one = await drawing(question, { maxNewTokens: 12, seed: 1 }).result
    expect((await drawing(question, { maxNewTokens: 12, seed: 1 }).result).text).toBe(one.text)
    expect((await drawing(question, { maxNewTokens: 12, seed: 2 }).result).text).not.toBe(one.text)
    const likeliest = await shared(question, { maxNewTokens: 12, repetitionPenalty: 1 }).result
    expect((await drawing(question, { maxNewTokens: 12, temperature: 0 }).result).text).toBe(likeliest.text)
    expect(drawing.sampling.temperature).toBeGreaterThan(0)
    const quiet = await generator(await modelWith('generation_config.json', { ...told, do_sample: false }))
    expect(quiet.sampling.temperature).toBeUndefined()
    expect((await quiet(question, { maxNewTokens: 12 }).result).text).toBe(likeliest.text)
  })
})

describe('a conversation', () => {
  it('reads at each turn only what is new', async () => {
    const conversation = shared.conversation({ system: 'Be brief.', maxNewTokens: 12 })
    const cached: number[] = []
    const missed: number[] = []
    const head = (await tokenizer.encode('<|im_start|>assistant\n', { addSpecialTokens: false })).ids
    for (const said of ['How long should oak dry?', 'And ash?', 'Why?']) {
      const before = (await shared.prompt(conversation.messages)).ids.length
      const { stats } = await conversation.send(said, { processors: [await saying('Two years.<|im_end|>', tokenizer)] }).result
      cached.push(stats.cachedTokens)
      // All that was read and said before: without the head of the answer to come, the line break that ends the turn, and the token that ended the answer, which nothing followed.
      missed.push(before - head.length - 2 - stats.cachedTokens)
    }
    expect(Math.max(...missed.slice(1))).toBeLessThanOrEqual(0)
    expect(cached[1]).toBeGreaterThan(cached[0]! + 10)
    expect(cached[2]).toBeGreaterThan(cached[1]! + 10)
    expect(conversation.messages.map(({ role, content }) => [role, content])).toEqual([
      ['system', 'Be brief.'], ['user', 'How long should oak dry?'], ['assistant', 'Two years.'], ['user', 'And ash?'], ['assistant', 'Two years.'], ['user', 'Why?'], ['assistant', 'Two years.'],
    ])
  })

  it('answers as it would to the same messages at once', async () => {
    const conversation = shared.conversation({ maxNewTokens: 10 })
    await conversation.send('One?').result
    const before = conversation.messages
    const { text } = await conversation.send('Two?').result
    expect((await shared([...before, { role: 'user', content: 'Two?' }], { maxNewTokens: 10 }).result).text).toBe(text)
  })

  it('can be taken back, changed and gone on with', async () => {
    const conversation = shared.conversation({ messages: question, maxNewTokens: 4 })
    expect(conversation.messages).toEqual(question)
    expect(conversation.undo()).toEqual(question[0])
    expect(() => conversation.undo()).toThrow('has nothing that could be taken back')
    await conversation.send('One?').result
    const one = conversation.messages
    await conversation.send('Two?').result
    expect(conversation.undo()).toEqual({ role: 'user', content: 'Two?' })
    expect(conversation.messages).toEqual(one)
    conversation.replace([])
    expect(conversation.messages).toEqual([])
    expect(() => conversation.replace([{ role: 5 }] as never)).toThrow(InvalidInputError)
  })

  it('passes on what tools gave', async () => {
    const tools = [{ type: 'function', function: { name: 'clock', parameters: {} } }]
    const template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls %}<{{ c.function.name }}{{ c.function.arguments | tojson }}>{% endfor %}{% endfor %}[assistant]"
    const conversation = shared.conversation({ tools, template, maxNewTokens: 100 })
    const { toolCalls } = await conversation.send('Time?', { processors: [await saying('<tool_call>{"name": "clock", "arguments": {"zone": "UTC"}}</tool_call><|im_end|>', tokenizer)] }).result
    expect(toolCalls).toEqual([{ name: 'clock', arguments: { zone: 'UTC' } }])
    await conversation.send({ role: 'tool', name: 'clock', content: '12:00' }, { processors: [await saying('Noon.<|im_end|>', tokenizer)] }).result
    expect((await shared.prompt(conversation.messages, { template })).text).toBe('[user]Time?[assistant]<clock{"zone": "UTC"}>[tool]12:00[assistant]Noon.[assistant]')
  })

  it('keeps what there was of an answer that was aborted, and nothing of what failed', async () => {
    const conversation = shared.conversation()
    const stop = new AbortController()
    const processors = [await saying('One two three four five six seven.<|im_end|>', tokenizer)]
    const answer = conversation.send('Count.', { signal: stop.signal, processors })
    let text = ''
    await expect(async () => {
      for await (const piece of answer) {
        text += piece
        if (text.length > 8) stop.abort()
      }
    }).rejects.toBeInstanceOf(AbortedError)
    expect(conversation.messages).toMatchObject([{ role: 'user', content: 'Count.' }, { role: 'assistant', content: expect.stringMatching(/^One two/) }])
    const before = conversation.messages
    expect(await failure(conversation.send('Why?', { template: '{{ absent.name }}' }))).toBeInstanceOf(ChatTemplateError)
    expect(await failure(conversation.send('Why?', { signal: AbortSignal.abort() }))).toBeInstanceOf(AbortedError)
    expect(await failure(conversation.send(5 as never))).toBeInstanceOf(InvalidInputError)
    expect(conversation.messages).toEqual(before)
  })

  it('answers one thing at a time', async () => {
    const conversation = shared.conversation({ maxNewTokens: 8 })
    const first = conversation.send('One?')
    expect(await failure(conversation.send('Two?'))).toMatchObject({ message: expect.stringContaining('is in the middle of an answer') })
    expect(() => conversation.undo()).toThrow('is in the middle of an answer')
    await first.result
    expect(conversation.messages).toHaveLength(2)
  })

  it('that is too long for the context is an error, or loses its oldest turns', async () => {
    const events: TenonEvent[] = []
    onTestFinished(runtime.on('notice', (event) => void events.push(event)))
    const generate = await generator(chatModel, { contextLength: 160 })
    const messages: Message[] = [{ role: 'system', content: 'Be brief.' }]
    for (let turn = 0; turn < 8; turn++) messages.push({ role: 'user', content: `Question ${turn}?` }, { role: 'assistant', content: `Answer ${turn}.` })
    const error = await failure(generate.conversation({ messages }).send('More?'))
    expect(error).toBeInstanceOf(ContextFullError)
    expect(error).toMatchObject({ code: 'TENON_CONTEXT_FULL', contextLength: 160 })

    const conversation = generate.conversation({ messages, overflow: 'drop-oldest', maxNewTokens: 20 })
    const { stats } = await conversation.send('More?').result
    expect(stats.promptTokens).toBeLessThanOrEqual(140)
    expect(stats.promptTokens).toBeGreaterThan(90) // no more than has to be is left out
    expect(events).toMatchObject([{ code: 'TENON_TURNS_DROPPED', message: expect.stringMatching(/the context holds 160: the oldest \d turns are left out/) }])
    expect(conversation.messages).toHaveLength(messages.length + 2)
    expect(await failure(generate.conversation({ overflow: 'drop-oldest' }).send('very long '.repeat(200)))).toMatchObject({ code: 'TENON_CONTEXT_FULL' })
    expect(await failure(conversation.send('very long '.repeat(200)))).toMatchObject({ code: 'TENON_CONTEXT_FULL', message: expect.stringContaining('even without its earlier turns') })
  })

  it('answers what leaves little room for it, with earlier turns or without', async () => {
    const generate = await generator(chatModel, { contextLength: 160 })
    const long = 'oak '.repeat(42)
    const needed = (await generate.prompt([{ role: 'user', content: long }])).ids.length
    expect(needed).toBeGreaterThan(120)
    expect(needed).toBeLessThan(158)
    const messages = [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello, and what would you like to know about wood?' }]
    for (const options of [{}, { overflow: 'drop-oldest' }, { overflow: 'drop-oldest', messages }] as const) expect((await generate.conversation(options).send(long).result).stats.promptTokens).toBe(needed)
    expect(await failure(generate.conversation({ messages }).send(long))).toMatchObject({ code: 'TENON_CONTEXT_FULL', remedy: expect.stringContaining('/undo') })
    for (const overflow of ['drop-oldest', 'error'] as const) expect(await failure(generate.conversation({ overflow }).send(long.repeat(2)))).toMatchObject({ code: 'TENON_CONTEXT_FULL', remedy: 'Say less at once, or open the model with a greater contextLength, or one that reads more' })
  })

  it('that has lost its oldest turns reads only what is new at most of the next', async () => {
    const events: TenonEvent[] = []
    onTestFinished(runtime.on('notice', (event) => void events.push(event)))
    const conversation = (await generator(chatModel, { contextLength: 400 })).conversation({ system: 'Be brief.', overflow: 'drop-oldest', maxNewTokens: 8 })
    const anew: number[] = []
    for (let turn = 0; turn < 40; turn++) {
      const { stats } = await conversation.send(`Question ${turn}?`).result
      if (stats.promptTokens - stats.cachedTokens > 100) anew.push(turn)
    }
    expect(anew.length).toBeGreaterThan(1)
    expect(anew.length).toBeLessThan(12)
    expect(events).toHaveLength(anew.length) // told when more is left out, and not at each turn
    expect(conversation.messages).toHaveLength(81)
  })
})

describe('the score of a text', () => {
  it('is what its tokens are worth where they are generated', async () => {
    const text = 'The old bridge is in the light'
    const { ids, logprobs } = await shared.score(text)
    expect(ids).toEqual((await tokenizer.encode(text)).ids)
    const worth: number[] = []
    const measured = (logits: Float32Array, { tokens }: { readonly tokens: readonly number[] }) => {
      const next = ids[tokens.length]!
      const largest = Math.max(...logits)
      worth.push(logits[next]! - largest - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0)))
      logits.fill(-Infinity)
      logits[next] = 0
    }
    const beginning = await tokenizer.decode([ids[0]!])
    await shared(beginning, { maxNewTokens: ids.length - 1, processors: [measured], repetitionPenalty: 1 }).result
    expect(logprobs).toHaveLength(ids.length - 1)
    expect(worth).toHaveLength(logprobs.length)
    expect(Math.max(...worth.map((value, index) => Math.abs(value - logprobs[index]!)))).toBeLessThan(1e-4)
  })

  it('is refused where the text is longer than the context', async () => {
    await expect(shared.score('word '.repeat(2000))).rejects.toBeInstanceOf(InvalidInputError)
    await expect(shared.score(5 as never)).rejects.toBeInstanceOf(InvalidInputError)
  })
})

describe('the options', () => {
  it.each<[object, string]>([
    [{ contextLength: 10_000 }, 'contextLength'],
    [{ slots: 0 }, 'slots'],
    [{ temperature: 1 }, 'temperature'],
  ])('of the task are refused: %j', async (options, option) => {
    const error = await runtime.task('text-generation', { model: chatModel, ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each<[object, string]>([
    [{ max_new_tokens: 5 }, 'max_new_tokens'],
    [{ maxNewTokens: -1 }, 'maxNewTokens'],
    [{ temperature: -1 }, 'temperature'],
    [{ stop: [''] }, 'stop'],
    [{ template: 5 }, 'template'],
    [{ tools: 'f' }, 'tools'],
    [{ tools: [5] }, 'tools'],
    [{ documents: ['a'] }, 'documents'],
    [{ variables: [] }, 'variables'],
    [{ variables: { messages: [] } }, 'variables'],
    [{ schema: {}, grammar: 'root ::= "a"' }, 'grammar'],
    [{ grammar: 5 }, 'grammar'],
    [{ candidates: 0 }, 'candidates'],
    [{ candidates: 2, beams: 2 }, 'candidates'],
    [{ candidates: 9 }, 'candidates'],
    [{ seed: -1, beams: 2 }, 'seed'],
    [{ signal: 5 }, 'signal'],
    [{ signal: {} }, 'signal'],
    [{ signal: { aborted: true } }, 'signal'],
  ])('of a call are refused: %j', async (options, option) => {
    const error = await failure(shared(question, options))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each([true, Infinity, 1.5, '5', 5n, Symbol('5')])('of a call are refused: %s as maxNewTokens', async (maxNewTokens) => {
    expect(await failure(shared(question, { maxNewTokens: maxNewTokens as number }))).toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'maxNewTokens' })
  })

  it('are refused: a bigint as seed, of one candidate and of several', async () => {
    for (const options of [{}, { candidates: 2, temperature: 1 }]) expect(await failure(shared(question, { ...options, seed: 1n as never }))).toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'seed', message: expect.stringContaining('is a bigint') })
    expect(() => shared.conversation({ seed: 1n as never })).toThrow(expect.objectContaining({ option: 'seed' }) as Error)
  })

  it('of a conversation are refused: a bigint as overflow, and messages that are no list', () => {
    expect(() => shared.conversation({ overflow: 1n as never })).toThrow(expect.objectContaining({ option: 'overflow' }) as Error)
    for (const messages of [5, {}, true]) expect(() => shared.conversation({ messages: messages as never })).toThrow(InvalidInputError)
  })

  it.each<[object, string]>([
    [{ system: 5 }, 'system'],
    [{ overflow: 'cut' }, 'overflow'],
    [{ signal: new AbortController().signal }, 'signal'],
    [{ temperature: -1 }, 'temperature'],
    [{ topP: 2 }, 'topP'],
    [{ seed: 1.5 }, 'seed'],
    [{ processors: [5] }, 'processors'],
    [{ stop: [''] }, 'stop'],
    [{ candidates: 99 }, 'candidates'],
  ])('of a conversation are refused: %j', (options, option) => {
    expect(() => shared.conversation(options as never)).toThrow(expect.objectContaining({ option }) as Error)
  })

  it('are an object', async () => {
    for (const options of [null, 5, 'x']) expect(await failure(shared(question, options as never))).toMatchObject({ code: 'TENON_INVALID_INPUT' })
  })
})

describe('a prompt', () => {
  it.each<[unknown, string]>([
    [5, 'number'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[], 'The messages are none'],
    ['', 'The prompt is empty'],
    ['word '.repeat(2000), 'and the context holds 512'],
  ])('is refused: %j', async (prompt, message) => {
    const error = await failure(shared(prompt as string))
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringContaining(message) })
  })

  it('comes too late for a task that was disposed of', async () => {
    const generate = await runtime.task('text-generation', { model: chatModel })
    const running = failure(generate(question))
    await generate.dispose()
    expect(await running).toMatchObject({ code: expect.stringMatching(/^TENON_(DISPOSED|ABORTED)$/) })
    expect(await failure(generate(question))).toBeInstanceOf(DisposedError)
  })
})

describe('a constraint', () => {
  it('makes the answer JSON of a schema', async () => {
    const schema = { type: 'object', properties: { name: { enum: ['oak', 'ash'] }, years: { type: 'integer', minimum: 0, maximum: 99 } }, required: ['name', 'years'], additionalProperties: false }
    for (const seed of [1, 2, 3]) {
      const answer = shared(question, { schema, temperature: 2, seed, maxNewTokens: 100 })
      const { text, finishReason } = await answer.result
      expect(JSON.parse(text)).toEqual({ name: expect.stringMatching(/^(oak|ash)$/), years: expect.any(Number) })
      expect(finishReason).not.toBe('length')
    }
  })

  it('makes the answer keep a grammar, each candidate by itself', async () => {
    const { candidates } = await shared(question, { grammar: 'root ::= "yes" | "no" | "perhaps"', temperature: 5, candidates: 4, seed: 1 }).result
    for (const { text } of candidates) expect(['yes', 'no', 'perhaps']).toContain(text)
  })

  it('of a conversation holds at each turn, but where a turn has its own', async () => {
    const conversation = shared.conversation({ schema: { enum: ['oak', 'ash'] }, maxNewTokens: 20 })
    const said = async (options = {}) => (await conversation.send('Which?', options).result).text
    expect(['"oak"', '"ash"']).toContain(await said())
    expect(['"oak"', '"ash"']).toContain(await said())
    expect(await said({ grammar: 'root ::= "elm"' })).toBe('elm')
    expect(await said({ schema: undefined, temperature: 1, seed: 1 })).not.toMatch(/^"(oak|ash)"$/)
    expect(await said({ schema: { const: 3 } })).toBe('3')
  })

  it('that counts one text begins anew at each turn', async () => {
    const constraint = await grammar('root ::= "oak" | "ash"')(tokenizer, [tokenizer.idOf('<|im_end|>')!])
    const conversation = shared.conversation({ constraint })
    for (let turn = 0; turn < 3; turn++) expect(['oak', 'ash']).toContain((await conversation.send('Which?').result).text)
  })

  it('of a conversation that cannot be read is told where it is made', () => {
    expect(() => shared.conversation({ schema: { type: 'nothing' } })).toThrow(expect.objectContaining({ code: 'TENON_UNSUPPORTED_SCHEMA' }) as Error)
    expect(() => shared.conversation({ grammar: 'root ::= (' })).toThrow(expect.objectContaining({ code: 'TENON_INVALID_GRAMMAR' }) as Error)
    expect(() => shared.conversation({ schema: { enum: [] } })).toThrow(expect.objectContaining({ code: 'TENON_UNSATISFIABLE_CONSTRAINT' }) as Error)
  })

  it('that cannot be read is told', async () => {
    expect(await failure(shared(question, { grammar: 'root ::= (' }))).toMatchObject({ code: 'TENON_INVALID_GRAMMAR' })
    expect(await failure(shared(question, { schema: { type: 'nothing' } }))).toMatchObject({ code: expect.stringMatching(/^TENON_/) })
  })
})
