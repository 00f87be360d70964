import { basename, dirname, join } from 'node:path'
import { AutoModel, AutoModelForMaskedLM, AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoModelForTokenClassification, env, pipeline, Tensor, type PreTrainedModel } from '@huggingface/transformers'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { tensor, type Checkpoint, type Executable, type Model, type Tokenizer } from '@tenon/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { encoders } from '../index.js'
import { compile, run } from '../test-support.js'
import { exportModel, headOf, type ExportOptions } from './index.js'
import { apart, casesOf, folderOf, plainFixtures, temporaryFolder, type Case, type Written } from './test-support.js'

/** How far a client's numbers may be from PyTorch's. */
const TOLERANCE = 1e-4

const families: readonly Model[] = encoders()
const backend = onnx({ threads: 1 })
beforeAll(() => {
  env.allowRemoteModels = false
})
afterAll(() => backend.dispose?.())

/** The class by which transformers.js loads a head; where it has none of its own, the one that hands all outputs on. */
const classes: Readonly<Record<string, typeof AutoModel>> = {
  'masked-lm': AutoModelForMaskedLM,
  'sequence-classification': AutoModelForSequenceClassification,
  'token-classification': AutoModelForTokenClassification,
  'question-answering': AutoModelForQuestionAnswering,
}

async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openFolder(folder)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint
}

/** Heads for which it knows no class of the family's: they are loaded as a base. */
const withoutClass = ['albert/token-classification', 'modernbert/question-answering']

/** Families whose numbers are another's, so that they have no fixtures of their own. */
const sharesFixtures = ['xlm-roberta', 'camembert']

/** Exports a fixture; `name` is what transformers.js loads, from `env.localModelPath`. */
async function exported(fixture: string, options: Partial<ExportOptions> = {}) {
  const checkpoint = await open(await folderOf(fixture))
  const head = headOf(checkpoint.config)
  const family = families.find(({ name }) => name === checkpoint.config.model_type)!
  const graphs = await family.build(checkpoint, { head })
  const { folder } = await exportModel({ checkpoint, graphs, head, to: join(await temporaryFolder(), 'exported'), ...options })
  env.localModelPath = dirname(folder)
  return { checkpoint, head, graph: graphs['model']!, name: basename(folder) }
}

/** What transformers.js makes of a fixture's input. */
async function answer(model: PreTrainedModel, { inputs }: Case): Promise<Record<string, Written>> {
  const ids = inputs['input_ids']!
  const feed = (given: Written | undefined, otherwise: number) => new Tensor('int64', BigInt64Array.from(given?.data ?? ids.data.map(() => otherwise), BigInt), [...ids.shape])
  const given = { input_ids: feed(ids, 0), attention_mask: feed(inputs['attention_mask'], 1), ...(inputs['token_type_ids'] && { token_type_ids: feed(inputs['token_type_ids'], 0) }) }
  const outputs = (await model(given)) as Record<string, Tensor>
  return Object.fromEntries(Object.entries(outputs).map(([name, { dims, data }]) => [name, { shape: dims, data: Array.from(data as Float32Array) }]))
}

async function loaded<T>(name: string, head: string, use: (model: PreTrainedModel) => Promise<T>): Promise<T> {
  const model = await (classes[head] ?? AutoModel).from_pretrained(name, { local_files_only: true })
  try {
    return await use(model)
  } finally {
    await model.dispose()
  }
}

const fixtures = await plainFixtures(families.map(({ name }) => name))

/** Where transformers.js computes something else than PyTorch, and how far from it. */
async function wrongCases(fixture: string, options: Partial<ExportOptions> = {}): Promise<readonly string[]> {
  const { name, head } = await exported(fixture, options)
  const cases = await casesOf(fixture)
  expect(cases.length).toBeGreaterThan(0)
  const wrong: string[] = []
  await loaded(name, withoutClass.includes(fixture) ? 'base' : head, async (model) => {
    for (const each of cases) {
      const outputs = await answer(model, each)
      for (const [output, expected] of Object.entries(each.outputs)) {
        const away = apart(outputs[output]!, expected)
        if (away > TOLERANCE) wrong.push(`${each.name} ${output}: ${away}`)
      }
    }
  })
  return wrong
}

describe('models that transformers.js loads', () => {
  it('are of every family and head', () => {
    expect([...new Set(fixtures.map((fixture) => fixture.split('/')[0]))]).toEqual(families.map(({ name }) => name).filter((name) => !sharesFixtures.includes(name)))
  })

  it.each(fixtures)('compute what PyTorch does: %s', async (fixture) => {
    expect(await wrongCases(fixture)).toEqual([])
  })

  it.each(fixtures.filter((fixture) => fixture.startsWith('bert/')))('do so with linked weights: %s', async (fixture) => {
    expect(await wrongCases(fixture, { link: true })).toEqual([])
  })

  it.each(fixtures.filter((fixture) => fixture.startsWith('bert/')))('do so in standard operators: %s', async (fixture) => {
    expect(await wrongCases(fixture, { portable: true })).toEqual([])
  })
})

describe('pipelines of transformers.js', () => {
  const text = 'The oak tenon fits a mortise.'

  /** An exported fixture, and our own run of the same graph on the same tokens. */
  async function both(fixture: string) {
    const { checkpoint, name, graph } = await exported(fixture)
    const tokenizer = await checkpoint.tokenizer()
    const executable = await compile(backend, graph)
    return { name, tokenizer, ours: (input: string | readonly [string, string]) => logits(executable, tokenizer, input) }
  }

  async function logits(executable: Executable, tokenizer: Tokenizer, input: string | readonly [string, string]) {
    const { ids, typeIds } = await tokenizer.encode(input)
    const row = (values: ArrayLike<number>) => tensor('int64', [1, ids.length], BigInt64Array.from(Array.from(values), BigInt))
    return run(executable, { input_ids: row(ids), attention_mask: row(Array.from(ids, () => 1)), token_type_ids: row(typeIds) })
  }

  const softmax = (values: readonly number[]) => {
    const largest = Math.max(...values)
    const powers = values.map((value) => Math.exp(value - largest))
    const sum = powers.reduce((total, power) => total + power, 0)
    return powers.map((power) => power / sum)
  }
  const rows = ({ shape, data }: Written) => Array.from({ length: shape.at(-2)! }, (_, row) => data.slice(row * shape.at(-1)!, (row + 1) * shape.at(-1)!))
  const off = (actual: readonly number[], expected: readonly number[]) => apart({ shape: [actual.length], data: actual }, { shape: [expected.length], data: expected })

  it('extract the same features', async () => {
    const { name, ours } = await both('bert/base')
    const extract = await pipeline('feature-extraction', name, { local_files_only: true })
    const { dims, data } = await extract(text)
    expect(apart({ shape: dims, data: Array.from(data as Float32Array) }, (await ours(text))['last_hidden_state']!)).toBeLessThan(TOLERANCE)
    await extract.dispose()
  })

  it('fill a mask with the same words', async () => {
    const { name, ours, tokenizer } = await both('bert/masked-lm')
    const fill = await pipeline('fill-mask', name, { local_files_only: true })
    const masked = 'The oak [MASK] fits a mortise.'
    const theirs = (await fill(masked)) as { token: number; score: number }[]
    const at = (await tokenizer.encode(masked)).ids.indexOf(4)
    const scores = softmax(rows((await ours(masked))['logits']!)[at]!)
    const best = scores.map((score, token) => ({ token, score })).sort((a, b) => b.score - a.score).slice(0, theirs.length)
    expect(theirs.map(({ token }) => Number(token))).toEqual(best.map(({ token }) => token))
    expect(off(theirs.map(({ score }) => score), best.map(({ score }) => score))).toBeLessThan(TOLERANCE)
    await fill.dispose()
  })

  it('classify a text the same', async () => {
    const { name, ours } = await both('bert/sequence-classification')
    const classify = await pipeline('text-classification', name, { local_files_only: true })
    const theirs = (await classify(text, { top_k: 3 })) as { score: number }[]
    const scores = softmax((await ours(text))['logits']!.data).sort((a, b) => b - a)
    expect(off(theirs.map(({ score }) => score), scores)).toBeLessThan(TOLERANCE)
    await classify.dispose()
  })

  it('classify every token the same', async () => {
    const { name, ours } = await both('bert/token-classification')
    const classify = await pipeline('token-classification', name, { local_files_only: true })
    const theirs = (await classify(text, { ignore_labels: [] })) as { score: number; index: number }[]
    const scores = rows((await ours(text))['logits']!).map((row) => Math.max(...softmax(row)))
    expect(theirs.length).toBeGreaterThan(4)
    expect(off(theirs.map(({ score }) => score), theirs.map(({ index }) => scores[index]!))).toBeLessThan(TOLERANCE)
    await classify.dispose()
  })

  it('answer a question from the same logits', async () => {
    const { name, ours } = await both('bert/question-answering')
    const answerer = await pipeline('question-answering', name, { local_files_only: true })
    const question = 'Who cuts a joint?'
    const inputs = answerer.tokenizer(question, { text_pair: text }) as Record<string, Tensor>
    const outputs = (await answerer.model(inputs)) as Record<string, Tensor>
    const expected = await ours([question, text])
    for (const output of ['start_logits', 'end_logits']) expect(apart({ shape: outputs[output]!.dims, data: Array.from(outputs[output]!.data as Float32Array) }, expected[output]!)).toBeLessThan(TOLERANCE)
    const { answer: found } = (await answerer(question, text)) as { answer: string }
    expect(text.toLowerCase().replace(/[^a-z]/g, '')).toContain(found.toLowerCase().replace(/[^a-z]/g, ''))
    await answerer.dispose()
  })
})
