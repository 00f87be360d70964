import { createRuntime, type Embedder, type Task } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { describe, expect, it, onTestFinished } from 'vitest'
import { knowledgeBase, questionAnswering, type KnowledgeBaseOptions, type QuestionAnswerer, type QuestionInContext } from '../index.js'
import { hashEmbedder } from '../testing/hash-embedder.js'
import { fixture } from '../testing/reader-model.js'

const embedding: Task<'embedding', object, Embedder> = { kind: 'task', version: 'v1', name: 'embedding', create: async () => hashEmbedder() }

/** A reader that finds a phrase, where there is one, and what it was asked. */
function finder(find: (input: QuestionInContext) => { readonly text: string; readonly score: number }) {
  const asked: QuestionInContext[][] = []
  const options: unknown[] = []
  const read = async (inputs: readonly QuestionInContext[], call: unknown) => {
    asked.push([...inputs])
    options.push(call)
    return inputs.map((input) => {
      const { text, score } = find(input)
      const start = text === '' ? 0 : input.context.indexOf(text)
      return start < 0 ? { answer: '', score: 0, start: 0, end: 0 } : { answer: text, score, start, end: start + text.length }
    })
  }
  const task: Task<'question-answering', object, QuestionAnswerer> = { kind: 'task', version: 'v1', name: 'question-answering', create: async () => read as unknown as QuestionAnswerer }
  return { task, asked, options }
}

async function base(reading: ReturnType<typeof finder>, options: KnowledgeBaseOptions = {}) {
  const runtime = createRuntime({ plugins: [embedding, reading.task, knowledgeBase()] })
  onTestFinished(() => runtime.dispose())
  return runtime.task('knowledge-base', { model: 'none', reader: { model: 'reader' }, ...options })
}

const joints = '# Joints\n\n## Tenon\n\nA tenon fits a mortise. It should be **one *third*** as thick as the rail.\n\n## Dovetail\n\nDovetails join the sides of drawers.\n'
const drying = 'Oak should dry for one year before use. Pine needs half of that.'

describe('a knowledge base with a reader', () => {
  it('answers with the words, their place in the file, and the sentence it would have answered with', async () => {
    const reading = finder(() => ({ text: 'one third', score: 0.81 }))
    const ask = await base(reading)
    await ask.add([{ source: 'joints.md', text: joints }])
    const plain = await (await createRuntime({ plugins: [embedding, knowledgeBase()] })).task('knowledge-base', { model: 'none' })
    await plain.add([{ source: 'joints.md', text: joints }])
    const [answer, without] = [await ask('How thick should a tenon be?'), await plain('How thick should a tenon be?')]
    if (!answer.found || !without.found) throw new Error('expected answers')
    expect(answer.answer).toBe('one third')
    expect(joints.slice(answer.start, answer.end)).toBe('one *third')
    expect(answer.spanScore).toBe(0.81)
    const { answer: sentence, score, start, end } = without
    expect(answer.sentence).toEqual({ answer: sentence, score, start, end })
    expect(answer.score).toBeCloseTo(Math.sqrt(score * 0.81), 12)
    expect(answer.passage).toEqual(without.passage)
    expect(without).not.toHaveProperty('sentence')
  })

  it('reads the passages that were found, and none that the filter leaves out', async () => {
    const reading = finder(() => ({ text: 'one', score: 1 }))
    const ask = await base(reading)
    await ask.add([{ source: 'joints.md', text: joints, metadata: { kind: 'joint' } }, { source: 'drying', text: drying, metadata: { kind: 'wood' } }])
    await ask('How long should oak dry?', { filter: { kind: 'wood' } })
    expect(reading.asked).toEqual([[{ question: 'How long should oak dry?', context: drying }]])
    expect(reading.options).toEqual([{ handleImpossibleAnswer: false }])
  })

  it('prefers the passage whose words are likelier, and says that it does not know where none are', async () => {
    const texts = [{ source: 'a', text: 'Oak should dry for one year before use.' }, { source: 'b', text: 'Oak should dry for two years before use.' }]
    const sure = await base(finder(({ context }) => (context.includes('two') ? { text: 'two years', score: 0.9 } : { text: 'one year', score: 0.3 })))
    await sure.add(texts)
    const answer = await sure('How long should oak dry before use?')
    expect(answer).toMatchObject({ found: true, answer: 'two years', source: 'b', alternatives: [{ answer: 'one year', source: 'a', spanScore: 0.3 }] })
    const unsure = await base(finder(() => ({ text: 'year', score: 0.0001 })))
    await unsure.add(texts)
    expect(await unsure('How long should oak dry before use?')).toMatchObject({ found: false, answer: null })
  })

  it('keeps the sentence where the reader finds no words, with a score of 0', async () => {
    const ask = await base(finder(() => ({ text: '', score: 0 })))
    await ask.add([{ source: 'drying', text: drying }])
    const answer = await ask('How long should oak dry?', { threshold: 0 })
    expect(answer).toMatchObject({ found: true, answer: 'Oak should dry for one year before use.', score: 0, start: 0 })
    expect(await base(finder(() => ({ text: '', score: 0 }))).then((empty) => empty('Anything?'))).toEqual({ found: false, answer: null, score: 0, alternatives: [] })
  })

  it('needs a model for it, and the task in the runtime', async () => {
    for (const reader of [{}, null, 'reader', { model: 5 }]) expect(() => knowledgeBase({ reader: reader as { model: string } })).toThrow(/'reader' of a knowledge base names no model/)
    const runtime = createRuntime({ plugins: [embedding, knowledgeBase()] })
    await expect(runtime.task('knowledge-base', { model: 'none', reader: { model: 'reader' } })).rejects.toMatchObject({ code: 'TENON_NO_SUCH_TASK' })
  })

  it('passes the signal on', async () => {
    const reading = finder(() => ({ text: 'one', score: 1 }))
    const ask = await base(reading)
    await ask.add([{ source: 'drying', text: drying }])
    const { signal } = new AbortController()
    await ask('How long should oak dry?', { signal })
    expect(reading.options).toEqual([{ handleImpossibleAnswer: false, signal }])
  })
})

describe('a knowledge base with a model that reads', () => {
  it('answers with what the task finds in the passage alone, and frees it', async () => {
    await using runtime = createRuntime({ plugins: [files(), onnx({ threads: 1 }), bert(), embedding, questionAnswering(), knowledgeBase()] })
    const model = fixture('reader/word-piece')
    const ask = await runtime.task('knowledge-base', { model: 'none', reader: { model, maxAnswerLen: 4 } })
    await ask.add([{ source: 'joints.md', text: joints }, { source: 'drying', text: drying }])
    const read = await runtime.task('question-answering', { model })
    const question = 'How thick should a tenon be?'
    const answer = await ask(question, { threshold: 0 })
    if (!answer.found) throw new Error('expected an answer')
    const alone = await read({ question, context: answer.passage.text }, { maxAnswerLen: 4 })
    expect(answer).toMatchObject({ answer: alone.answer, spanScore: alone.score })
    expect([answer, ...answer.alternatives].every(({ sentence, spanScore }) => sentence !== undefined && spanScore !== undefined)).toBe(true)
    await ask.dispose()
    expect(await read({ question, context: drying })).toMatchObject({ answer: expect.any(String) })
  })
})
