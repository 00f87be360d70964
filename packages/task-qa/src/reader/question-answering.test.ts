import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidInputError, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { extend } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Cast, Identity } from '@tenon/graph/ops'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { fixture, readerModel } from '../testing/reader-model.js'
import type { AnswerOptions, SpanAnswer } from './contracts.js'
import { questionAnswering, type QuestionAnsweringOptions } from './question-answering.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), questionAnswering()] })
afterAll(() => runtime.dispose())

async function reader(options: QuestionAnsweringOptions = {}, model = fixture('reader/word-piece')) {
  const ask = await runtime.task('question-answering', { model, ...options })
  onTestFinished(() => ask.dispose())
  return ask
}

function heard(): TenonEvent[] {
  const events: TenonEvent[] = []
  onTestFinished(runtime.on('notice', (event) => void events.push(event)))
  return events
}

interface Case {
  readonly question: string
  readonly context: string
  readonly options: AnswerOptions & { readonly topK?: number }
  readonly answers: readonly SpanAnswer[]
}
const WIDE = { maxQuestionLen: 1000 } // the reference, with a fast tokenizer, never cuts a question

/** The answers, and how far their scores are from the reference's. */
function compared(actual: readonly SpanAnswer[], expected: readonly SpanAnswer[]) {
  const spans = (answers: readonly SpanAnswer[]) => answers.map(({ answer, start, end }) => ({ answer, start, end }))
  expect(spans(actual)).toEqual(spans(expected))
  return Math.max(...actual.map(({ score }, index) => Math.abs(score - expected[index]!.score)))
}

describe.each(['word-piece', 'byte-level'])('the answers of a %s model', async (name) => {
  const casesOf = async (file: string) => JSON.parse(await readFile(fixture(`reader/${name}/${file}`), 'utf8')) as readonly Case[]
  const expected = { right: await casesOf('expected.json'), left: await casesOf('expected-left.json') }
  const described = (cases: readonly Case[]) => cases.map((each, index) => [index, JSON.stringify(each.options), each] as const)

  it.each(described(expected.right))('are those of transformers: %i, %s', async (_, __, { question, context, options, answers }) => {
    const ask = await reader({}, fixture(`reader/${name}`))
    const found = await ask({ question, context }, { ...WIDE, topK: 1, ...options })
    expect(compared(found, answers)).toBeLessThan(1e-5)
    for (const { answer, start, end } of found) expect(context.slice(start, end)).toBe(answer)
  })

  it.each(described(expected.left))('are those of transformers where padding goes to the left: %i, %s', async (_, __, { question, context, options, answers }) => {
    const ask = await reader({}, await readerModel(name, { padding_side: 'left' }))
    expect(compared(await ask({ question, context }, { ...WIDE, topK: 1, ...options }), answers)).toBeLessThan(1e-5)
  })

  it('come for many questions at once, in their order, as for each alone', async () => {
    const ask = await reader({}, fixture(`reader/${name}`))
    const plain = expected.right.filter(({ options }) => Object.keys(options).every((option) => option === 'topK'))
    const found = await ask(plain, { ...WIDE, topK: 10 })
    expect(found).toHaveLength(plain.length)
    for (const [index, { answers }] of plain.entries()) expect(compared(found[index]!.slice(0, answers.length), answers)).toBeLessThan(1e-5)
    const singles = await ask(plain, WIDE)
    expect(singles).toEqual(found.map(([best]) => best))
  })
})

const question = 'Who built the gate?'
const context = 'Nobody wrote down his name.'

describe('a reader', () => {
  it('gives one answer, and a list of them with topK, for a question as for a list of them', async () => {
    const ask = await reader()
    const one = await ask({ question, context })
    expect(one.answer).toBe('Nobody')
    expect(Object.keys(one).toSorted()).toEqual(['answer', 'end', 'score', 'start'])
    const [best, second] = await ask({ question, context }, { topK: 2 })
    expect(best).toEqual(one)
    expect(second!.score).toBeLessThan(one.score)
    expect(await ask([{ question, context }])).toEqual([one])
    expect(await ask([{ question, context }], { topK: 1 })).toEqual([[one]])
    expect(await ask([])).toEqual([])
  })

  it('gives fewer than topK where the context has no more spans, none of them impossible', async () => {
    const ask = await reader()
    const answers = await ask({ question, context: 'The gate' }, { topK: 50 })
    expect(answers).toHaveLength(3)
    expect(answers.every(({ score, start, end }) => score > 0 && start < end)).toBe(true)
    expect(answers.map(({ answer }) => answer).toSorted()).toEqual(['The', 'The gate', 'gate'])
  })

  it('finds nothing where the context has no words, and says that it is sure', async () => {
    const ask = await reader()
    expect(await ask({ question, context: ' \n' })).toEqual({ answer: '', score: 0, start: 0, end: 0 })
    expect(await ask({ question, context: ' \n' }, { handleImpossibleAnswer: true })).toEqual({ answer: '', score: 1, start: 0, end: 0 })
  })

  it('takes the options of the task for those that a call leaves out', async () => {
    const [plain, adapted] = [await reader(), await reader({ maxAnswerLen: 1, handleImpossibleAnswer: true })]
    const long = `${context} Old houses and temples stand on joints.`
    expect(await adapted({ question, context: long }, { topK: 4 })).toEqual(await plain({ question, context: long }, { topK: 4, maxAnswerLen: 1, handleImpossibleAnswer: true }))
    expect(await adapted({ question, context: long }, { topK: 4, maxAnswerLen: 15, handleImpossibleAnswer: false })).toEqual(await plain({ question, context: long }, { topK: 4 }))
  })

  it('reads questions that share runs with others as alone', async () => {
    const [wide, narrow] = [await reader(), await reader({ batchTokens: 1 })]
    const inputs = Array.from({ length: 30 }, (_, index) => ({ question: question.repeat((index % 3) + 1), context: `${context} `.repeat((index % 7) * 4 + 1) }))
    const [together, alone] = [await wide(inputs, { topK: 3 }), await narrow(inputs, { topK: 3 })]
    for (const [index, answers] of together.entries()) expect(compared(answers, alone[index]!)).toBeLessThan(1e-5)
  })

  it('reads lone surrogates, and offsets still hold', async () => {
    const ask = await reader()
    const broken = `\ud83d ${context} \ude00`
    const { answer, start, end } = await ask({ question: `\ud800${question}`, context: broken })
    expect(broken.slice(start, end)).toBe(answer)
    expect(answer).not.toBe('')
  })

  describe('with a question that is long', () => {
    const long = 'Who built the gate, and when was it? '.repeat(12)

    it('reads its beginning, and says so once', async () => {
      const events = heard()
      const ask = await reader({ maxQuestionLen: 10 })
      const beginning = 'Who built the gate, and when was it?' // 10 tokens
      expect(await ask([{ question: long, context }, { question: beginning, context }])).toEqual([await ask({ question: beginning, context }), await ask({ question: beginning, context })])
      expect(events).toEqual([{ type: 'notice', code: 'TENON_TEXT_CUT', message: '1 of 2 questions were longer than 10 tokens; only their beginnings were read' }])
    })

    it('makes the windows share less where they share what they do by default, and else refuses', async () => {
      const ask = await reader({ maxQuestionLen: 50 })
      const far = `${'Old houses stand. '.repeat(40)}`
      const { answer, start, end } = await ask({ question: long, context: far })
      expect(far.slice(start, end)).toBe(answer)
      await expect(ask([{ question, context }, { question: long, context: far }], { docStride: 12 })).rejects.toThrow(/^The option 'docStride' of the task 'question-answering' is 12, and the question of input 1 leaves room for 11 tokens/)
    })

    it('is refused where it leaves no room at all', async () => {
      const ask = await reader({ maxQuestionLen: 1000 })
      const error = await ask([{ question, context }, { question: long, context }]).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(InvalidInputError)
      expect(error).toMatchObject({ message: expect.stringMatching(/^The question of input 1 has 120 tokens, which leaves no room/) })
    })
  })

  describe('refuses before it computes anything', () => {
    it.each<[unknown, RegExp]>([
      [undefined, /^What was asked is undefined/],
      [null, /^What was asked is null/],
      ['Who?', /^What was asked is string/],
      [{ question }, /^The context is undefined/],
      [{ question: '', context }, /^The question is empty/],
      [{ question, context: '' }, /^The context is empty/],
      [{ question: ['Who?'], context }, /^The question is an array of 1/],
      [[{ question, context }, { question, context: '' }], /^The context of input 1 is empty/],
      [[{ question, context }, { question: '', context }], /^The question of input 1 is empty/],
      [[{ question, context }, undefined], /^What was asked of input 1 is undefined/],
      [[{ question, context }, 'Who?'], /^What was asked of input 1 is string/],
    ])('%j', async (input, message) => {
      const ask = await reader()
      let calls = 0
      const error = await ask(input as { question: string; context: string }, { onProgress: () => void calls++ }).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(InvalidInputError)
      expect(error).toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringMatching(message) })
      expect(calls).toBe(0)
    })

    it.each<[object, RegExp]>([
      [{ topK: 0 }, /'topK' .* is 0/],
      [{ topK: 1.5 }, /'topK'/],
      [{ maxAnswerLen: 0 }, /'maxAnswerLen'/],
      [{ maxSeqLen: 65 }, /'maxSeqLen' .* is 65, and the model reads 64 tokens/],
      [{ maxSeqLen: 0 }, /'maxSeqLen'/],
      [{ maxQuestionLen: 0 }, /'maxQuestionLen'/],
      [{ docStride: -1 }, /'docStride'/],
      [{ docStride: 64 }, /'docStride' .* not less than maxSeqLen \(64\)/],
      [{ handleImpossibleAnswer: 1 }, /'handleImpossibleAnswer'/],
      [{ alignToWords: 'no' }, /'alignToWords'/],
      [{ top_k: 1 }, /Did you mean 'topK'/],
    ])('the options %j', async (options, message) => {
      const ask = await reader()
      await expect(ask({ question, context }, options)).rejects.toThrow(message)
      if (Object.keys(options).some((option) => option.startsWith('top'))) return
      await expect(reader(options)).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringMatching(message) })
    })
  })
})

describe('a long context', () => {
  /** A megabyte, and a stretch of another kind in its middle. */
  const filler = 'Old houses and temples stand on joints; when the ground moves, the wood gives a little. '
  const half = filler.repeat(Math.ceil(2 ** 19 / filler.length))
  const long = `${half}${context}${half}`

  it('is read to its end: the best of all its windows, as the reference would', async () => {
    const ask = await reader()
    const far = `${filler.repeat(30)}${context} ${filler.repeat(30)}`
    const [best] = await ask({ question, context: far }, { topK: 3 })
    expect(far.slice(best!.start, best!.end)).toBe(best!.answer)
    const alone = await ask({ question, context: far.slice(far.indexOf(context)) })
    expect(best!.score).toBeGreaterThanOrEqual(alone.score - 1e-6)
  })

  it('of a megabyte is read in bounded memory, tells how far it is, and lets the event loop run', async () => {
    const ask = await reader({ docStride: 16 }, await readerModel('word-piece', { model_max_length: 128 }))
    const told: [number, number][] = []
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const before = process.memoryUsage().rss
    let peak = 0
    const answer = await ask(
      { question, context: long },
      {
        onProgress: (done, total) => {
          told.push([done, total])
          peak = Math.max(peak, process.memoryUsage().rss)
        },
      },
    )
    clearInterval(timer)
    expect(long.slice(answer.start, answer.end)).toBe(answer.answer)
    expect(told.length).toBeGreaterThan(100)
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted((a, b) => a - b))
    expect(told.at(-1)).toEqual([long.length, long.length])
    expect(ticks).toBeGreaterThan(10)
    expect((peak - before) / 2 ** 20).toBeLessThan(400)
  })

  it('is let go of when aborted, while it is tokenised and while it is read', async () => {
    const ask = await reader()
    await expect(ask({ question, context: long }, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await expect(ask([], { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError)
    for (const signal of [AbortSignal.timeout(20), undefined]) {
      const controller = new AbortController()
      const started = performance.now()
      let aborted = started
      const work = ask({ question, context: long }, {
        signal: signal ?? controller.signal,
        onProgress: () => {
          aborted = performance.now()
          controller.abort()
        },
      })
      signal?.addEventListener('abort', () => (aborted = performance.now()))
      await expect(work).rejects.toBeInstanceOf(AbortedError)
      expect(performance.now() - aborted).toBeLessThan(500)
    }
    expect(await ask({ question, context })).toMatchObject({ answer: 'Nobody' })
  })
})

describe('an exported model', () => {
  async function exported(change: 'as it is' | 'with more outputs' | 'in another type' | 'without ends'): Promise<string> {
    const folder = await readerModel('word-piece', {})
    await using checkpoint = await openFolder(folder)
    const { model } = await bert().build(checkpoint, { head: 'question-answering' })
    const { builder, values } = extend(model!)
    const [start, end] = [values.get('start_logits')!, values.get('end_logits')!]
    const logits = change === 'in another type' ? [Cast(start, { to: 'float64' }), Cast(end, { to: 'float64' })] as const : [start, end] as const
    builder.output('start_logits', logits[0])
    if (change === 'with more outputs') builder.output('last_hidden_state', Identity(start))
    if (change !== 'without ends') builder.output('end_logits', logits[1])
    await writeOnnx(builder.build(), join(folder, 'onnx/model.onnx'))
    await rm(join(folder, 'model.safetensors'))
    return folder
  }

  it.each(['as it is', 'with more outputs', 'in another type'] as const)('answers the same: %s', async (change) => {
    const expected = await (await reader())({ question, context }, { topK: 5 })
    expect(compared(await (await reader({}, await exported(change)))({ question, context }, { topK: 5 }), expected)).toBeLessThan(1e-5)
  })

  it('is refused where its graph makes no end logits', async () => {
    await expect(reader({}, await exported('without ends'))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('end_logits') })
  })
})

it('a reader is refused after disposal', async () => {
  const ask = await runtime.task('question-answering', { model: fixture('reader/word-piece') })
  await ask.dispose()
  await expect(ask({ question, context })).rejects.toBeInstanceOf(DisposedError)
})
