import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidFileError, InvalidInputError, InvalidOptionError, WeightMismatchError, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { extend } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Concat } from '@tenon/graph/ops'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { rerank, type RerankerOptions, type RerankOptions } from './index.js'
import { apart, modelFolder, readJson, tolerance, withoutWeights } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), rerank()] })
afterAll(() => runtime.dispose())

/** A reranker for the length of a test. */
async function reranker(model: string, options: RerankerOptions = {}) {
  const rank = await runtime.task('text-ranking', { model, ...options })
  onTestFinished(() => rank.dispose())
  return rank
}

/** What the libraries tell until the test ends. */
function heard(): TenonEvent[] {
  const events: TenonEvent[] = []
  onTestFinished(runtime.on('notice', (event) => void events.push(event)))
  return events
}

interface Expected {
  readonly pairs: readonly (readonly [string, string])[]
  readonly query: string
  readonly documents: readonly string[]
  readonly cases: Readonly<Record<string, { readonly files: Readonly<Record<string, unknown>>; readonly maxLength: number; readonly scores: readonly number[]; readonly ranked: readonly { readonly index: number; readonly score: number }[] }>>
}

const { pairs, query, documents, cases } = await readJson<Expected>('expected.json')
const plain = cases['plain']!

describe('what CrossEncoder says', () => {
  it('has fixtures', () => {
    expect(Object.keys(cases)).toHaveLength(8)
  })

  it.each(Object.entries(cases))('is said here too of a folder as saved: %s', async (_, { files: saved, maxLength, scores, ranked }) => {
    const rank = await reranker(await modelFolder(saved))
    expect(rank.maxLength).toBe(maxLength)
    expect(apart(await rank.score(pairs), scores)).toBeLessThan(tolerance)
    const found = await rank(query, documents)
    expect(found.map(({ index }) => index)).toEqual(ranked.map(({ index }) => index))
    expect(apart(found.map(({ score }) => score), ranked.map(({ score }) => score))).toBeLessThan(tolerance)
    expect(found.map(({ document }) => document)).toEqual(ranked.map(({ index }) => documents[index]))
  })

  it('is said of each pair alone as among others', async () => {
    const rank = await reranker(await modelFolder(), { batchTokens: 30 })
    const alone = await Promise.all(pairs.map((pair) => rank.score(pair)))
    expect(apart(alone, plain.scores)).toBeLessThan(tolerance)
    expect(apart(await rank.score(pairs), plain.scores)).toBeLessThan(tolerance)
  })
})

describe('ranking', () => {
  it('keeps objects whole, and gives as many as are asked for', async () => {
    const rank = await reranker(await modelFolder())
    const given = documents.map((text, id) => ({ text, id }))
    const found = await rank(query, given, { topK: 2 })
    expect(found.map(({ document }) => document.id)).toEqual(plain.ranked.slice(0, 2).map(({ index }) => index))
    expect(found[0]!.document).toBe(given[plain.ranked[0]!.index])
    expect(await rank(query, documents, { topK: 99 })).toHaveLength(documents.length)
  })

  it('of nothing gives nothing', async () => {
    const rank = await reranker(await modelFolder())
    expect(await rank(query, [])).toEqual([])
    expect(await rank.score([])).toEqual([])
  })

  it('leaves documents that score alike in their order', async () => {
    const rank = await reranker(await modelFolder())
    expect((await rank(query, ['', ' ', '\n', 'light', '\t'])).filter(({ document }) => document.trim() === '').map(({ index }) => index)).toEqual([0, 1, 2, 4])
  })

  it('tells how far it is, over more documents than are tokenised at a time', async () => {
    const rank = await reranker(await modelFolder(), { batchTokens: 200 })
    const calls: [number, number][] = []
    const found = await rank(query, Array.from({ length: 1200 }, (_, index) => documents[index % documents.length]!), { onProgress: (done, total) => void calls.push([done, total]) })
    expect(calls.at(-1)).toEqual([1200, 1200])
    expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).toSorted((a, b) => b - a))
    expect(apart(found.map(({ score }) => score), found.map(({ index }) => plain.ranked.find((each) => each.index === index % documents.length)!.score))).toBeLessThan(tolerance)
  })

  it('applies the activation that is asked for', async () => {
    const rank = await reranker(await modelFolder())
    const logits = await rank.score(pairs, { activation: 'none' })
    expect(apart(await rank.score(pairs), logits.map((x) => 1 / (1 + Math.exp(-x))))).toBeLessThan(1e-12)
    expect(apart(await rank.score(pairs, { activation: 'tanh' }), logits.map(Math.tanh))).toBeLessThan(1e-12)
    expect(apart(await rank.score(pairs, { activation: 'relu' }), logits.map((x) => Math.max(0, x)))).toBeLessThan(1e-12)
  })

  it('puts a prompt before each query, none where it is told so', async () => {
    const prompted = await reranker(await modelFolder(cases['since-6-prompt']!.files), { prompt: '' })
    const own = await reranker(await modelFolder(), { prompt: 'the old garden ' })
    expect(apart(await prompted.score(pairs), cases['before-4']!.scores)).toBeLessThan(tolerance)
    expect(apart(await own.score(pairs, { activation: 'none' }), cases['since-6-prompt']!.scores)).toBeLessThan(tolerance)
  })

  it('cuts pairs that are too long, and tells so once', async () => {
    const events = heard()
    const rank = await reranker(await modelFolder())
    const long = 'the river and the garden '.repeat(20_000)
    const [first, second] = await rank.score([[query, long], [query, long.slice(0, 500)]])
    expect(first).toBe(second)
    expect(events).toEqual([{ type: 'notice', code: 'TENON_TEXT_CUT', message: '2 of 2 pairs of a query and a document were longer than 24 tokens; only their beginnings were read' }])
  })

  it('says nothing where every pair fits', async () => {
    const events = heard()
    await (await reranker(await modelFolder()))(query, ['hello', 'light'])
    expect(events).toEqual([])
  })
})

describe('a model that ranks nothing', () => {
  const failure = async (files: Readonly<Record<string, unknown>>) => runtime.task('text-ranking', { model: await modelFolder(files) }).catch((error: unknown) => error)

  it('is refused where it scores several labels', async () => {
    const folder = await modelFolder()
    await using checkpoint = await openFolder(folder)
    const { model } = await bert().build(checkpoint, { head: 'sequence-classification' })
    const { builder, values } = extend(model!)
    const logits = values.get('logits')!
    builder.output('logits', Concat([logits, logits], { axis: 1 }))
    const several = await modelFolder()
    await writeOnnx(builder.build(), join(several, 'onnx/model.onnx'))
    await rm(join(several, 'model.safetensors'))
    const error = await runtime.task('text-ranking', { model: several }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringMatching(/scores 2 labels.*text-classification/) })
  })

  it('is refused where its weights lack the head', async () => {
    const error = await runtime.task('text-ranking', { model: await withoutWeights(await modelFolder(), 'classifier.') }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WeightMismatchError)
    expect(error).toMatchObject({ tensor: 'classifier.weight', actual: undefined })
  })

  it('is refused where its weights have other labels than its config', async () => {
    expect(await failure({ 'config.json': { id2label: { 0: 'no', 1: 'yes' } } })).toBeInstanceOf(WeightMismatchError)
  })

  it.each<[string, unknown, RegExp]>([
    ['modules.json', [{ type: 'sentence_transformers.base.modules.transformer.Transformer' }, { type: 'sentence_transformers.cross_encoder.modules.logit_score.LogitScore' }], /lists the module '.*LogitScore'/],
    ['modules.json', { 0: 'Transformer' }, /is no list of modules/],
    ['config_sentence_transformers.json', [], /is no JSON object/],
    ['sentence_bert_config.json', '{', /JSON/],
    ['config_sentence_transformers.json', { model_type: 'CrossEncoder', activation_fn: 'torch.nn.modules.activation.Softplus' }, /names the activation '.*Softplus'. Known are: Identity, Sigmoid/],
  ])('is refused where %s holds %j', async (file, content, message) => {
    const error = await failure({ ...cases['since-6']!.files, [file]: content })
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringMatching(message) })
  })

  it('is read with a sigmoid, which is told, where its activation is code of its own', async () => {
    const events = heard()
    const rank = await reranker(await modelFolder({ 'config.json': { sbert_ce_default_activation_function: 'activations.Mine' } }))
    expect(apart(await rank.score(pairs.slice(0, 4)), plain.scores.slice(0, 4))).toBeLessThan(tolerance)
    expect(events).toMatchObject([{ code: 'TENON_UNKNOWN_ACTIVATION', message: expect.stringContaining("'activations.Mine'") }])
  })
})

describe('what cannot be ranked', () => {
  it.each<[unknown, unknown, string]>([
    [5, ['a'], 'The query is number'],
    [undefined, ['a'], 'The query is undefined'],
    ['hello', 'a', 'The documents are string'],
    ['hello', undefined, 'The documents are undefined'],
    ['hello', ['a', null], 'Document 1 is null'],
    ['hello', ['a', { title: 'b' }], 'Document 1 is object'],
    ['hello', ['a', { text: 5 }], 'Document 1 has a text that is number'],
    ['hello', ['a', ['b']], 'Document 1 is an array of 1'],
  ])('is refused by its place, before anything is computed: %j, %j', async (asked, among, message) => {
    const rank = await reranker(await modelFolder())
    let calls = 0
    const error = await rank(asked as string, among as string[], { onProgress: () => void calls++ }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringContaining(message) })
    expect(calls).toBe(0)
  })

  it.each<[unknown, string]>([
    ['hello', 'The pairs are string'],
    [['hello'], 'The pair is an array of 1'],
    [['hello', 5], 'The document of the pair is number'],
    [[['a', 'b'], ['a']], 'Pair 1 is an array of 1'],
    [[['a', 'b'], [null, 'b']], 'The query of pair 1 is null'],
    [[['a', { text: null }]], 'The document of pair 0 has a text that is null'],
  ])('is refused as a pair: %j', async (given, message) => {
    await expect((await reranker(await modelFolder())).score(given as [string, string])).rejects.toThrow(message)
  })
})

describe('the options', () => {
  it.each<[object, string]>([
    [{ maxLength: 25 }, 'maxLength'],
    [{ batchTokens: 0 }, 'batchTokens'],
    [{ prompt: 5 }, 'prompt'],
    [{ prompts: '' }, 'prompts'],
  ])('of the task are refused: %j', async (options, option) => {
    const error = await runtime.task('text-ranking', { model: await modelFolder(), ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each<[object, string]>([
    [{ topK: 0 }, 'topK'],
    [{ topK: 1.5 }, 'topK'],
    [{ top_k: 1 }, 'top_k'],
    [{ activation: 'softmax' }, 'activation'],
    [{ activation: 'constructor' }, 'activation'],
  ])('of a call are refused: %j', async (options, option) => {
    const error = await (await reranker(await modelFolder()))(query, documents, options as RerankOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it('of a score hold no number of documents', async () => {
    await expect((await reranker(await modelFolder())).score(pairs, { topK: 2 } as object)).rejects.toMatchObject({ option: 'topK' })
  })
})

describe('a call', () => {
  it('rejects at once where its signal is aborted before', async () => {
    const rank = await reranker(await modelFolder())
    await expect(rank(query, [], { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError)
    await expect(rank.score(pairs, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
  })

  it('stops between runs, and the reranker can be used again', async () => {
    const rank = await reranker(await modelFolder(), { batchTokens: 30 })
    const controller = new AbortController()
    let calls = 0
    const onProgress = () => {
      calls++
      controller.abort()
    }
    await expect(rank(query, Array.from({ length: 50 }, () => 'light'), { signal: controller.signal, onProgress })).rejects.toBeInstanceOf(AbortedError)
    expect(calls).toBe(1)
    expect(await rank(query, ['light'])).toHaveLength(1)
  })

  it('is refused after disposal', async () => {
    const rank = await runtime.task('text-ranking', { model: await modelFolder() })
    await rank.dispose()
    await expect(rank(query, ['light'])).rejects.toBeInstanceOf(DisposedError)
  })
})
