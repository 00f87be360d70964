import { createRuntime, InvalidFileError, InvalidInputError, InvalidOptionError, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { zeroShotClassification, type ZeroShotClassificationOptions, type ZeroShotOptions } from './index.js'
import { compared, labelsOf, modelFolder, readJson, tolerance } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), zeroShotClassification()] })
afterAll(() => runtime.dispose())

const inference = { id2label: { 0: 'CONTRADICTION', 1: 'NEUTRAL', 2: 'ENTAILMENT' }, label2id: { CONTRADICTION: 0, NEUTRAL: 1, ENTAILMENT: 2 } }

/** A classifier for the length of a test. */
async function classifier(config: Readonly<Record<string, unknown>> = inference, options: ZeroShotClassificationOptions = {}) {
  const classify = await runtime.task('zero-shot-classification', { model: await modelFolder('three-labels', config), ...options })
  onTestFinished(() => classify.dispose())
  return classify
}

interface Expected {
  readonly cases: readonly {
    readonly texts: number
    readonly candidateLabels: string | readonly string[]
    readonly config: Readonly<Record<string, unknown>>
    readonly options: ZeroShotOptions
    readonly outputs: readonly Readonly<Record<string, number>>[]
  }[]
}

describe('what transformers says of labels it never saw', async () => {
  const { cases } = await readJson<Expected>('zero-shot-classification.json')
  const { inputs } = await readJson<{ readonly inputs: readonly string[] }>('text-classification.json')

  it.each(cases.map((each, index) => [`${index}: ${JSON.stringify(each.candidateLabels)}, ${JSON.stringify(each.options)}`, each] as const))('is said here too: %s', async (_, { texts, candidateLabels, config, options, outputs }) => {
    const classify = await classifier(config)
    const { labels, worst } = compared(await classify(inputs.slice(0, texts), candidateLabels, options), outputs)
    expect(labels).toEqual(labelsOf(outputs))
    expect(worst).toBeLessThan(tolerance)
  })

  it('is said of one text as of several', async () => {
    const classify = await classifier()
    const { labels, worst } = compared([await classify(inputs[0]!, cases[0]!.candidateLabels)], cases[0]!.outputs.slice(0, 1))
    expect(labels).toEqual(labelsOf(cases[0]!.outputs.slice(0, 1)))
    expect(worst).toBeLessThan(tolerance)
    expect(await classify([], ['light'])).toEqual([])
  })

  it('is said where only id2label names the labels', async () => {
    const [named, numbered] = [await classifier(), await classifier({ ...inference, label2id: undefined })]
    expect(await numbered('hello', ['light', 'train'])).toEqual(await named('hello', ['light', 'train']))
  })
})

describe('the labels', () => {
  it('stand in the template as they are written', async () => {
    const classify = await classifier()
    const [[label]] = [await classify('hello', ["$& $1 $'"])]
    expect(label!.label).toBe("$& $1 $'")
    expect(label!.score).toBe((await classify('hello', ["$& $1 $'"], { hypothesisTemplate: 'This example is {}.' }))[0]!.score)
    expect(label!.score).not.toBe((await classify('hello', ['{}']))[0]!.score)
  })

  it.each<[unknown, RegExp]>([
    [[], /candidate labels are none/],
    [' , ', /candidate labels are none/],
    [undefined, /candidate labels are undefined/],
    [['light', 5], /candidate label 1 is number/],
  ])('are refused: %j', async (labels, message) => {
    const error = await (await classifier())('hello', labels as string[]).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringMatching(new RegExp(message, 'i')) })
  })
})

describe('the texts', () => {
  it.each<[unknown, string]>([
    [5, 'The texts are number'],
    [undefined, 'The texts are undefined'],
    [['hello', null], 'Text 1 is null'],
    [[['a', 'b']], 'Text 0 is an array of 2'],
  ])('are refused: %j', async (texts, message) => {
    await expect((await classifier())(texts as string, ['light'])).rejects.toThrow(message)
  })

  it('are cut, and the labels are not', async () => {
    const events: TenonEvent[] = []
    onTestFinished(runtime.on('notice', (event) => void events.push(event)))
    const classify = await classifier()
    const long = 'the river and the garden '.repeat(1000)
    expect(await classify(long, ['light', 'train'])).toEqual(await classify(long.slice(0, 300), ['light', 'train']))
    expect(events[0]).toEqual({ type: 'notice', code: 'TENON_TEXT_CUT', message: '2 of 2 pairs of a text and a label were longer than 24 tokens; only their beginnings were read' })
    const [one, other] = [await classify(long, ['light']), await classify(long, ['train'])]
    expect(one[0]!.score).not.toBe(other[0]!.score)
  })

  it('are refused where a label leaves them no room', async () => {
    await expect((await classifier())('hello', ['light '.repeat(30)])).rejects.toBeInstanceOf(InvalidInputError)
  })
})

describe('the options', () => {
  it.each<[object, string]>([
    [{ hypothesisTemplate: 'no place' }, 'hypothesisTemplate'],
    [{ hypothesisTemplate: 5 }, 'hypothesisTemplate'],
    [{ multiLabel: 1 }, 'multiLabel'],
    [{ multi_label: true }, 'multi_label'],
  ])('of a call are refused: %j', async (options, option) => {
    const error = await (await classifier())('hello', ['light'], options as ZeroShotOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each([3, -1, 0.5])('refuse %j as the place of entailment', async (entailmentId) => {
    await expect(classifier({}, { entailmentId })).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'entailmentId' })
  })

  it('name entailment where the config does not', async () => {
    await expect(classifier({})).rejects.toBeInstanceOf(InvalidFileError)
    await expect(classifier({})).rejects.toThrow(/names no label that begins with 'entail'.*entailmentId/)
    const [chosen, named] = [await classifier({}, { entailmentId: 2 }), await classifier()]
    expect(await chosen('hello', ['light', 'train'])).toEqual(await named('hello', ['light', 'train']))
  })

  it('refuse a model of one label', async () => {
    await expect(runtime.task('zero-shot-classification', { model: await modelFolder('one-label', { id2label: { 0: 'entailment' } }) })).rejects.toThrow('has one label')
  })

  it('refuse a label2id that leads out of the labels', async () => {
    await expect(classifier({ label2id: { entailment: 7 } })).rejects.toBeInstanceOf(InvalidFileError)
  })
})

it('rejects where its signal is aborted', async () => {
  await expect((await classifier())('hello', ['light'], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
})
