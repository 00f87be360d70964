import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidInputError } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { extend } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Cast, Shape } from '@tenon/graph/ops'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import type { AggregationStrategy, ClassifiedToken, ClassifyTokensOptions, EntityGroup } from './contracts.js'
import { fixture, modelFolder } from './test-support.js'
import { tokenClassification, type TokenClassificationOptions } from './token-classification.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), tokenClassification()] })
afterAll(() => runtime.dispose())

async function classifier(options: TokenClassificationOptions = {}, model = fixture('word-piece')) {
  const classify = await runtime.task('token-classification', { model, ...options })
  onTestFinished(() => classify.dispose())
  return classify
}

type Found = ClassifiedToken | EntityGroup

interface Case {
  readonly text: string
  readonly options: ClassifyTokensOptions
  readonly entities: readonly Found[]
}

/** How far the scores are from the others, all else being equal. */
function apart(actual: readonly Found[], expected: readonly Found[]): number {
  const unscored = (found: readonly Found[]) => found.map((each) => ({ ...each, score: 0 }))
  expect(unscored(actual)).toEqual(unscored(expected))
  return Math.max(0, ...actual.map(({ score }, index) => Math.abs(score - expected[index]!.score)))
}

const STRATEGIES: readonly AggregationStrategy[] = ['none', 'simple', 'first', 'average', 'max']
const LONG = `${'The workshop smells of cedar and oil. A saw, two planes, a mallet and eleven chisels hang above the bench. '.repeat(6)}榫卯不用钉子。`

describe.each(['word-piece', 'byte-level'])('what a %s model finds', async (name) => {
  const cases = JSON.parse(await readFile(fixture(`${name}/expected.json`), 'utf8')) as readonly Case[]

  it.each(cases.map((each, index) => [index, JSON.stringify(each.options), each] as const))('is what transformers does: %i, %s', async (_, __, { text, options, entities }) => {
    const classify = await classifier({}, fixture(name))
    const found = await classify(text, options)
    expect(apart(found, entities)).toBeLessThan(1e-5)
    for (const { start, end } of found) expect(start <= end && end <= text.length).toBe(true)
  })

  it.each(STRATEGIES)('is the same for texts that share runs as for each alone, in their order: %s', async (aggregationStrategy) => {
    const classify = await classifier({}, fixture(name))
    const texts = [...new Set(cases.map(({ text }) => text)), LONG]
    const together = await classify(texts, { aggregationStrategy })
    expect(together).toHaveLength(texts.length)
    for (const [index, text] of texts.entries()) expect(apart(together[index]!, await classify(text, { aggregationStrategy }))).toBeLessThan(1e-5)
  })
})

describe('a text that is longer than the model reads', () => {
  it('is read to its end, in windows that overlap without being asked to', async () => {
    const classify = await classifier()
    expect(classify.maxLength).toBe(40)
    const [unsaid, said] = [await classify(LONG, { aggregationStrategy: 'simple' }), await classify(LONG, { aggregationStrategy: 'simple', stride: 19 })]
    expect(unsaid).toEqual(said)
    expect(unsaid.at(-1)!.end).toBeGreaterThan(LONG.length - 8)
  })

  it.each([0, 7, 37])('has each of its tokens once, where windows share %i', async (stride) => {
    const classify = await classifier()
    await using checkpoint = await openFolder(fixture('word-piece'))
    const { tokens, offsets } = await (await checkpoint.tokenizer()).encode(LONG)
    const found = await classify(LONG, { stride, ignoreLabels: [] })
    expect(found.map(({ index }) => index)).toEqual(Array.from({ length: tokens.length - 2 }, (_, index) => index + 1))
    for (const { index, word, start, end } of found) expect([start, end, word]).toEqual([...offsets[index]!, tokens[index] === '[UNK]' ? LONG.slice(start, end) : tokens[index]])
  })

  it('has each token with the label of the window that is surest of it', async () => {
    const [whole, windowed] = [await classifier({}, fixture('word-piece')), await classifier({ maxLength: 20 })]
    const text = LONG.slice(0, 106)
    const labels = async (from: number, to: number) => (await whole(text.slice(from, to), { ignoreLabels: [] })).map(({ start, end, entity, score }) => ({ start: start + from, end: end + from, entity, score }))
    // The tokenizer's own windows, read one by one.
    await using checkpoint = await openFolder(fixture('word-piece'))
    const first = await (await checkpoint.tokenizer()).encode(text, { maxLength: 20, stride: 6 })
    const readings = await Promise.all([first, ...first.overflowing].map(({ offsets }) => labels(offsets[1]![0], offsets.at(-2)![1])))
    const surest = new Map<number, { start: number; end: number; entity: string; score: number }>()
    for (const each of readings.flat()) if (each.score > (surest.get(each.start)?.score ?? 0)) surest.set(each.start, each)
    const found = (await windowed(text, { stride: 6, ignoreLabels: [] })).map(({ start, end, entity, score }) => ({ start, end, entity, score: score.toFixed(4) }))
    expect(readings.length).toBeGreaterThan(1)
    expect(found).toEqual([...surest.values()].toSorted((a, b) => a.start - b.start).map((each) => ({ ...each, score: each.score.toFixed(4) })))
  })
})

describe('the labels', () => {
  it('are the model\'s, in its order', async () => {
    expect((await classifier()).labels).toEqual(['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC', 'MISC', 'work-tool'])
  })

  it('are refused where the config names another number of them', async () => {
    const model = await modelFolder('word-piece', { id2label: { 0: 'O', 1: 'B-PER' } })
    const failure = runtime.task('token-classification', { model })
    await expect(failure).rejects.toMatchObject({ code: expect.stringMatching(/TENON_(INVALID_FILE|WEIGHT_MISMATCH)/) })
  })
})

describe('an exported model', () => {
  async function exported(change: 'as it is' | 'with more outputs' | 'without a number of labels', config: object = {}): Promise<string> {
    const folder = await modelFolder('word-piece', config)
    await using checkpoint = await openFolder(fixture('word-piece'))
    const { model } = await bert().build(checkpoint, { head: 'token-classification' })
    const { builder, values } = extend(model!)
    const logits = values.get('logits')!
    if (change === 'with more outputs') builder.output('shape', Shape(logits))
    if (change === 'without a number of labels') builder.output('logits', Cast(Shape(logits), { to: 'float32' }))
    else builder.output('logits', logits)
    await writeOnnx(builder.build(), join(folder, 'onnx/model.onnx'))
    await rm(join(folder, 'model.safetensors'))
    return folder
  }

  it('finds the same, whatever else its graph makes', async () => {
    const expected = await (await classifier())(LONG)
    for (const change of ['as it is', 'with more outputs'] as const) expect(apart(await (await classifier({}, await exported(change)))(LONG), expected)).toBeLessThan(1e-5)
  })

  it('is refused where its graph does not say how many labels there are, or the config does not name as many', async () => {
    await expect(classifier({}, await exported('without a number of labels'))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("does not make 'logits', [batch, sequence, labels]") })
    await expect(classifier({}, await exported('as it is', { id2label: { 0: 'O' } }))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('names 1 labels in id2label, and the graph scores 7') })
  })

  it('has labels with numbers where the config names none', async () => {
    expect((await classifier({}, await exported('as it is', { id2label: null }))).labels).toEqual(Array.from({ length: 7 }, (_, id) => `LABEL_${id}`))
  })
})

describe('what is passed', () => {
  it.each([[5], [null], [undefined], [{}], [['the gate', 5]], [[undefined]]])('is refused where it is no text: %j', async (input) => {
    const classify = await classifier()
    await expect(classify(input as string)).rejects.toBeInstanceOf(InvalidInputError)
  })

  it('is refused by its place, before anything is computed', async () => {
    const classify = await classifier()
    let calls = 0
    await expect(classify(['the gate', null as unknown as string], { onProgress: () => void calls++ })).rejects.toThrow(/^Text 1 is null/)
    expect(calls).toBe(0)
  })

  it.each<[object, RegExp]>([
    [{ aggregationStrategy: 'mean' }, /'aggregationStrategy' .* is 'mean'\. Known are: none, simple, first, average, max/],
    [{ ignoreLabels: 'O' }, /'ignoreLabels'/],
    [{ ignoreLabels: [0] }, /'ignoreLabels'/],
    [{ stride: -1 }, /'stride' .* is -1/],
    [{ stride: 38 }, /'stride' .* is 38/],
    [{ stride: 1.5 }, /'stride'/],
    [{ aggregation_strategy: 'simple' }, /Did you mean 'aggregationStrategy'/],
  ])('is refused where options are %j', async (options, message) => {
    const classify = await classifier()
    const error = await classify('the gate', options).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'TENON_INVALID_OPTION', message: expect.stringMatching(message) })
  })

  it('may be nothing', async () => {
    const classify = await classifier()
    expect(await classify([])).toEqual([])
    expect(await classify(['', 'tenon', ''])).toEqual([[], await classify('tenon'), []])
  })

  it('may hold lone surrogates', async () => {
    const classify = await classifier()
    for (const { start, end } of await classify('\ud83d the gate \ude00', { ignoreLabels: [] })) expect(start).toBeLessThan(end)
  })
})

describe('a call', () => {
  it('tells how far it is, in characters, up to all of them', async () => {
    const classify = await classifier()
    const told: [number, number][] = []
    const texts = [LONG, '', 'tenon', LONG, '  ']
    await classify(texts, { onProgress: (done, total) => void told.push([done, total]) })
    expect(told.length).toBeGreaterThan(5)
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted((a, b) => a - b))
    expect(told.at(-1)).toEqual([2 * LONG.length + 7, 2 * LONG.length + 7])
  })

  it('is let go of when aborted: before, while it tokenises, and while it reads', async () => {
    const classify = await classifier()
    const texts = Array.from({ length: 500 }, () => LONG)
    await expect(classify('the gate', { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await expect(classify([], { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError)
    await expect(classify(texts, { signal: AbortSignal.timeout(5) })).rejects.toBeInstanceOf(AbortedError)
    const controller = new AbortController()
    await expect(classify(texts, { signal: controller.signal, onProgress: () => controller.abort() })).rejects.toBeInstanceOf(AbortedError)
    expect(await classify('tenon')).toHaveLength(1)
  })

  it('is refused after disposal', async () => {
    const classify = await runtime.task('token-classification', { model: fixture('word-piece') })
    await classify.dispose()
    await expect(classify('the gate')).rejects.toBeInstanceOf(DisposedError)
  })
})
