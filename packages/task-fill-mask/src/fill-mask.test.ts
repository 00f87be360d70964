import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidFileError, InvalidInputError, InvalidOptionError, WeightMismatchError, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { inferTypes } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { bert } from '@tenon/models/bert'
import { roberta } from '@tenon/models/roberta'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { fillMask, type FilledMask, type FillMaskCall, type FillMaskOptions } from './index.js'
import { appendMaskScores } from './mask-scores.js'
import { fixture, modelFolder, readJson, tolerance, withoutWeights } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), roberta(), fillMask()] })
afterAll(() => runtime.dispose())

/** A filler for the length of a test. */
async function filler(model: string, options: FillMaskOptions = {}) {
  const fill = await runtime.task('fill-mask', { model, ...options })
  onTestFinished(() => fill.dispose())
  return fill
}

/** What the libraries tell until the test ends. */
function heard(): TenonEvent[] {
  const events: TenonEvent[] = []
  onTestFinished(runtime.on('notice', (event) => void events.push(event)))
  return events
}

/** The fields of the tokens in one mask's place. */
interface Columns {
  readonly score: readonly number[]
  readonly token: readonly number[]
  readonly token_str: readonly string[]
  readonly sequence: readonly string[]
}

interface Case {
  readonly model: string
  readonly texts: readonly string[]
  readonly tokenizerConfig: Readonly<Record<string, unknown>>
  readonly options: FillMaskCall
  readonly outputs: readonly (Columns | readonly Columns[])[]
}

const isMany = (filled: FilledMask[] | FilledMask[][]): filled is FilledMask[][] => Array.isArray(filled[0])

const columnsOf = (filled: readonly FilledMask[]): Columns => ({
  score: filled.map(({ score }) => score),
  token: filled.map(({ token }) => token),
  token_str: filled.map((each) => each.token_str),
  sequence: filled.map(({ sequence }) => sequence),
})

const scoresOf = (outputs: readonly (Columns | readonly Columns[])[]): readonly number[] => outputs.flat().flatMap(({ score }) => score)
const withoutScores = (outputs: readonly (Columns | readonly Columns[])[]) => outputs.map((each) => (Array.isArray(each) ? each.map((one: Columns) => ({ ...one, score: [] })) : { ...each, score: [] }))

/** The tokens and texts of both, and how far scores are apart. */
function compared(actual: readonly (FilledMask[] | FilledMask[][])[], expected: Case['outputs']) {
  const columns = actual.map((filled) => (isMany(filled) ? filled.map(columnsOf) : columnsOf(filled)))
  const [scores, reference] = [scoresOf(columns), scoresOf(expected)]
  return { texts: withoutScores(columns), expected: withoutScores(expected), worst: Math.max(...scores.map((score, index) => Math.abs(score - (reference[index] ?? Infinity)))) }
}

const { cases } = await readJson<{ readonly cases: readonly Case[] }>('expected.json')
const texts = cases[0]!.texts

describe('what transformers finds', () => {
  it.each(cases.map((each, index) => [`${index}: ${each.model}, ${JSON.stringify(each.tokenizerConfig)}, ${JSON.stringify(each.options)}`, each] as const))('is found here too: %s', async (_, { model, tokenizerConfig, options, texts: given, outputs }) => {
    const fill = await filler(await modelFolder(model, tokenizerConfig))
    const result = compared(await fill(given, options), outputs)
    expect(result.texts).toEqual(result.expected)
    expect(result.worst).toBeLessThan(tolerance)
  })

  it('is found for a text alone as among others, and in small runs', async () => {
    const fill = await filler(fixture('word-piece'), { batchTokens: 30 })
    for (const filled of [await Promise.all(texts.map((text) => fill(text))), await fill(texts)]) {
      const result = compared(filled, cases[0]!.outputs)
      expect(result.texts).toEqual(result.expected)
      expect(result.worst).toBeLessThan(tolerance)
    }
  })
})

describe('an exported model', () => {
  it('gives the same tokens', async () => {
    const folder = await modelFolder('word-piece')
    await using checkpoint = await openFolder(folder)
    const { model } = await bert().build(checkpoint, { head: 'masked-lm' })
    const copy = await modelFolder('word-piece')
    await writeOnnx(model!, join(copy, 'onnx/model.onnx'))
    await rm(join(copy, 'model.safetensors'))
    const result = compared(await (await filler(copy))(texts), cases[0]!.outputs)
    expect(result.texts).toEqual(result.expected)
    expect(result.worst).toBeLessThan(tolerance)
  })
})

describe('a family’s own graph', () => {
  it.each([['word-piece', bert(), 132], ['byte-level', roberta(), 605]] as const)('scores the vocabulary for masks alone: %s', async (name, family, vocabulary) => {
    await using checkpoint = await openFolder(fixture(name))
    const { model } = await family.build(checkpoint, { head: 'masked-lm' })
    const graph = appendMaskScores(model!, name)
    const scored = [...inferTypes(graph).values()].filter(({ name: value, shape }) => shape.at(-1) === vocabulary && !graph.constants.has(value))
    expect(new Set(scored.map(({ shape }) => shape.join()))).toEqual(new Set([`masks,${vocabulary}`]))
  })
})

describe('a mask', () => {
  it('is spelled as the tokenizer has it', async () => {
    expect((await filler(fixture('word-piece'))).mask).toBe('[MASK]')
    expect((await filler(fixture('byte-level'))).mask).toBe('<mask>')
  })

  it('may hold any token: all of them share 1', async () => {
    const fill = await filler(fixture('word-piece'))
    const all = (await fill('the [MASK]', { topK: 10_000 })).flat()
    expect(all).toHaveLength(132)
    expect(Math.abs(all.reduce((sum, { score }) => sum + score, 0) - 1)).toBeLessThan(tolerance)
    expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).toSorted((a, b) => b - a))
    expect(all.slice(0, 5)).toEqual(await fill('the [MASK]'))
  })

  it('in many places is filled in each', async () => {
    const fill = await filler(fixture('word-piece'))
    expect(await fill('[MASK] '.repeat(20), { topK: 1 })).toHaveLength(20)
  })

  it.each([['word-piece', '[MASK]'], ['byte-level', '<mask>']])('that is missing is told by its text, before anything is computed: %s', async (name, mask) => {
    const fill = await filler(fixture(name))
    let calls = 0
    const given = [...Array.from({ length: 700 }, () => `the ${mask}`), 'the river']
    const error = await fill(given, { onProgress: () => void calls++ }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: `Text 700 has no mask. Put ${mask} where a token is to be found.` })
    expect(calls).toBe(0)
    await expect(fill('')).rejects.toThrow('The text has no mask')
    await expect(fill('the [mask]')).rejects.toThrow('The text has no mask')
  })

  it('beyond what the model reads is told', async () => {
    const fill = await filler(fixture('word-piece'))
    const error = await fill(['[MASK]', `${'the river '.repeat(20)} [MASK]`]).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringContaining('Text 1 has no [MASK] among its first 24 tokens') })
  })

  it('in a text that is cut is filled, which is told once', async () => {
    const events = heard()
    const fill = await filler(fixture('word-piece'))
    const long = `[MASK] ${'the river and the garden '.repeat(20_000)}`
    const [first, second] = await fill([long, long.slice(0, 500)])
    expect(first).toEqual(second)
    expect(events).toEqual([{ type: 'notice', code: 'TENON_TEXT_CUT', message: '2 of 2 texts were longer than 24 tokens; only their beginnings were read' }])
  })
})

describe('targets', () => {
  it('that are not in the vocabulary are replaced by their first piece, or left out, which is told', async () => {
    const events = heard()
    const fill = await filler(fixture('word-piece'))
    const found = (await fill('the [MASK]', { targets: ['warmness', '', 'light'] })).flat()
    expect(found.map((each) => each.token_str).toSorted()).toEqual(['light', 'warm'])
    expect(events.map((event) => 'message' in event && event.message)).toEqual(["The target 'warmness' is not in the vocabulary; 'warm' stands in for it", "The target '' is not in the vocabulary; it is left out"])
    expect(events).toMatchObject([{ code: 'TENON_TARGET_REPLACED' }, { code: 'TENON_TARGET_REPLACED' }])
  })

  it('are scored among all tokens', async () => {
    const fill = await filler(fixture('word-piece'))
    const all = (await fill('the [MASK]', { topK: 10_000 })).flat()
    for (const each of (await fill('the [MASK]', { targets: ['light', 'warm'] })).flat()) expect(each).toEqual(all.find(({ token }) => token === each.token))
  })

  it.each<[unknown, string]>([
    [[], 'is empty'],
    [5, 'is no list of words'],
    [['light', null], 'is no list of words'],
    ['', 'holds no word that the vocabulary has a piece of'],
  ])('are refused: %j', async (targets, message) => {
    const error = await (await filler(fixture('word-piece')))('the [MASK]', { targets: targets as string[] }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option: 'targets', message: expect.stringContaining(message) })
  })
})

describe('texts', () => {
  it('keep their order, many more of them than are tokenised at a time', async () => {
    const fill = await filler(fixture('word-piece'), { batchTokens: 64 })
    const some = ['the [MASK]', '[MASK] [MASK] river', 'a stone in the old train, warm and [MASK]', '你[MASK]']
    const few = await fill(some, { topK: 1 })
    const calls: [number, number][] = []
    const many = await fill(Array.from({ length: 1100 }, (_, index) => some[index % some.length]!), { topK: 1, onProgress: (done, total) => void calls.push([done, total]) })
    expect(many).toHaveLength(1100)
    many.forEach((filled, index) => expect(filled.flat().map(({ sequence }) => sequence)).toEqual(few[index % some.length]!.flat().map(({ sequence }) => sequence)))
    expect(calls.at(-1)).toEqual([1100, 1100])
  })

  it('give a list for a list, and none for none', async () => {
    const fill = await filler(fixture('word-piece'))
    expect(await fill(['the [MASK]'])).toEqual([await fill('the [MASK]')])
    expect(await fill([])).toEqual([])
  })

  it.each<[unknown, string]>([
    [5, 'The texts are number'],
    [null, 'The texts are null'],
    [['[MASK]', 5], 'Text 1 is number'],
    [['[MASK]', ['[MASK]']], 'Text 1 is an array of 1'],
  ])('are refused: %j', async (given, message) => {
    const error = await (await filler(fixture('word-piece')))(given as string).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringContaining(message) })
  })
})

describe('a model', () => {
  it('is refused where its tokenizer has no mask', async () => {
    const error = await runtime.task('fill-mask', { model: await modelFolder('byte-level', { mask_token: undefined }) }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('has a tokenizer without a mask token') })
    await expect(runtime.task('fill-mask', { model: await modelFolder('byte-level', { mask_token: '<blank>' }) })).rejects.toBeInstanceOf(InvalidFileError)
  })

  it('is refused where its weights lack the head', async () => {
    const error = await runtime.task('fill-mask', { model: await withoutWeights(fixture('word-piece'), 'cls.') }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WeightMismatchError)
    expect(error).toMatchObject({ tensor: expect.stringContaining('cls.predictions.'), actual: undefined })
  })
})

describe('the options', () => {
  it.each<[object, string]>([
    [{ maxLength: 25 }, 'maxLength'],
    [{ batchTokens: -1 }, 'batchTokens'],
    [{ topK: 3 }, 'topK'],
  ])('of the task are refused: %j', async (options, option) => {
    const error = await runtime.task('fill-mask', { model: fixture('word-piece'), ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each<[object, string]>([
    [{ topK: 0 }, 'topK'],
    [{ topK: 2.5 }, 'topK'],
    [{ top_k: 2 }, 'top_k'],
  ])('of a call are refused: %j', async (options, option) => {
    const error = await (await filler(fixture('word-piece')))('[MASK]', options as FillMaskCall).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })
})

describe('a call', () => {
  it.each([[['[MASK]']], [[]]])('rejects at once where its signal is aborted before: %j', async (given) => {
    await expect((await filler(fixture('word-piece')))(given, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
  })

  it('stops between runs, and the filler can be used again', async () => {
    const fill = await filler(fixture('word-piece'), { batchTokens: 10 })
    const controller = new AbortController()
    let calls = 0
    const onProgress = () => {
      calls++
      controller.abort()
    }
    await expect(fill(Array.from({ length: 50 }, () => 'the [MASK]'), { signal: controller.signal, onProgress })).rejects.toBeInstanceOf(AbortedError)
    expect(calls).toBe(1)
    expect(await fill('the [MASK]')).toHaveLength(5)
  })

  it('is refused after disposal', async () => {
    const fill = await runtime.task('fill-mask', { model: fixture('word-piece') })
    await fill.dispose()
    await expect(fill('the [MASK]')).rejects.toBeInstanceOf(DisposedError)
  })
})
