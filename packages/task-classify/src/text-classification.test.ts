import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidFileError, InvalidInputError, InvalidOptionError, WeightMismatchError, type Graph, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { extend } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Cast, Reshape, Shape } from '@tenon/graph/ops'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { textClassification, type ClassifyInput, type ClassifyOptions, type TextClassificationOptions } from './index.js'
import { compared, labelsOf, modelFolder, readJson, tolerance, withoutWeights } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), textClassification()] })
afterAll(() => runtime.dispose())

/** A classifier for the length of a test. */
async function classifier(model: string, options: TextClassificationOptions = {}) {
  const classify = await runtime.task('text-classification', { model, ...options })
  onTestFinished(() => classify.dispose())
  return classify
}

/** What the libraries tell until the test ends. */
function heard(): TenonEvent[] {
  const events: TenonEvent[] = []
  onTestFinished(runtime.on('notice', (event) => void events.push(event)))
  return events
}

interface Expected {
  readonly inputs: readonly ClassifyInput[]
  readonly cases: readonly { readonly model: string; readonly config: Readonly<Record<string, unknown>>; readonly options: ClassifyOptions; readonly outputs: readonly Readonly<Record<string, number>>[] }[]
}

describe('what transformers says of texts and pairs', async () => {
  const { inputs, cases } = await readJson<Expected>('text-classification.json')

  it.each(cases.map((each, index) => [`${index}: ${each.model}, ${JSON.stringify(each.config)}, ${JSON.stringify(each.options)}`, each] as const))('is said here too: %s', async (_, { model, config, options, outputs }) => {
    const classify = await classifier(await modelFolder(model, config))
    const { labels, worst } = compared(await classify(inputs, options), outputs)
    expect(labels).toEqual(labelsOf(outputs))
    expect(worst).toBeLessThan(tolerance)
  })

  it('is said of each alone as among others', async () => {
    const classify = await classifier(await modelFolder('three-labels'), { batchTokens: 40 })
    const alone = await Promise.all(inputs.map((input) => classify(input as string)))
    const { labels, worst } = compared(alone, cases[0]!.outputs)
    expect(labels).toEqual(labelsOf(cases[0]!.outputs))
    expect(worst).toBeLessThan(tolerance)
  })

  it('is said of pairs written as two strings, which differ from two texts', async () => {
    const classify = await classifier(await modelFolder('three-labels'))
    const [pair, [first, second]] = [await classify([['hello', 'the light']]), await classify(['hello', 'the light'])]
    expect(pair).toEqual([await classify({ text: 'hello', text_pair: 'the light' })])
    expect(pair[0]).not.toEqual(first)
    expect(second).toEqual(await classify('the light'))
    expect(await classify({ text: 'hello' })).toEqual(await classify('hello'))
  })
})

describe('labels', () => {
  it('are those of the config, in the model’s order', async () => {
    expect((await classifier(await modelFolder('three-labels'))).labels).toEqual(['garden', 'travel', '食物'])
  })

  it('have numbers where the config names none', async () => {
    expect((await classifier(await modelFolder('three-labels', { id2label: undefined, num_labels: 3 }))).labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2'])
    expect((await classifier(await modelFolder('three-labels', { id2label: { 0: 'a', 2: 'c', 7: 'd' } }))).labels).toEqual(['a', 'LABEL_1', 'c'])
    expect((await classifier(await modelFolder('three-labels', { id2label: { 0: 'a', 1: null, 2: 'c' } }))).labels).toEqual(['a', 'LABEL_1', 'c'])
  })

  it('that are more or fewer than the weights have are refused', async () => {
    const error = await runtime.task('text-classification', { model: await modelFolder('three-labels', { id2label: { 0: 'a', 1: 'b' } }) }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WeightMismatchError)
    expect(error).toMatchObject({ expected: [2, 16], actual: [3, 16] })
  })
})

it('is refused where the weights lack the head', async () => {
  const error = await runtime.task('text-classification', { model: await withoutWeights(await modelFolder('three-labels'), 'classifier.') }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(WeightMismatchError)
  expect(error).toMatchObject({ tensor: 'classifier.weight', actual: undefined })
})

describe('an exported model', () => {
  /** A folder with the classifier's graph in place of its weights. */
  async function exported(config: Readonly<Record<string, unknown>> = {}, change: (graph: Graph) => Graph = (graph) => graph): Promise<string> {
    const folder = await modelFolder('three-labels')
    await using checkpoint = await openFolder(folder)
    const { model } = await bert().build(checkpoint, { head: 'sequence-classification' })
    const path = await modelFolder('three-labels', config)
    await writeOnnx(change(model!), join(path, 'onnx/model.onnx'))
    await rm(join(path, 'model.safetensors'))
    return path
  }

  it('says the same', async () => {
    const { inputs, cases } = await readJson<Expected>('text-classification.json')
    const classify = await classifier(await exported())
    expect(compared(await classify(inputs), cases[0]!.outputs).worst).toBeLessThan(tolerance)
  })

  it('is refused where its config names other labels than it scores', async () => {
    const error = await runtime.task('text-classification', { model: await exported({ id2label: { 0: 'a', 1: 'b' } }) }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('names 2 labels in id2label, and the graph scores 3') })
  })

  it('is refused where its graph does not say how many labels it scores', async () => {
    const model = await exported({}, (graph) => {
      const { builder, values } = extend(graph)
      const logits = values.get('logits')!
      builder.output('logits', Reshape(logits, Cast(Cast(Shape(logits), { to: 'float32' }), { to: 'int64' }))) // a way round, on which sizes are lost
      return builder.build()
    })
    await expect(runtime.task('text-classification', { model })).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("does not make 'logits', float32, [batch, labels]") })
  })
})

describe('the options', () => {
  it.each<[object, string]>([
    [{ maxLength: 0 }, 'maxLength'],
    [{ maxLength: 33 }, 'maxLength'],
    [{ batchTokens: 1.5 }, 'batchTokens'],
    [{ max_length: 8 }, 'max_length'],
  ])('of the task are refused: %j', async (options, option) => {
    const error = await runtime.task('text-classification', { model: await modelFolder('three-labels'), ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each<[object, string, string]>([
    [{ topK: 0 }, 'topK', 'positive integer'],
    [{ topK: '2' }, 'topK', 'positive integer'],
    [{ top_k: 2 }, 'top_k', "Did you mean 'topK'"],
    [{ functionToApply: 'tanh' }, 'functionToApply', 'sigmoid, softmax, none'],
    [{ functionToApply: 'toString' }, 'functionToApply', 'sigmoid, softmax, none'],
  ])('of a call are refused: %j', async (options, option, message) => {
    const classify = await classifier(await modelFolder('three-labels'))
    const error = await classify('hello', options as ClassifyOptions).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option, message: expect.stringContaining(message) })
  })

  it('may ask for more labels than there are', async () => {
    expect(await (await classifier(await modelFolder('three-labels')))('hello', { topK: 9 })).toHaveLength(3)
  })
})

describe('texts', () => {
  it('keep their order, many more of them than are tokenised at a time', async () => {
    const classify = await classifier(await modelFolder('three-labels'), { batchTokens: 64 })
    const some = ['hello', 'the river and the garden', '', '你好世界', 'a stone in the old train, warm and small']
    const few = await classify(some)
    const calls: [number, number][] = []
    const many = await classify(Array.from({ length: 1100 }, (_, index) => some[index % some.length]!), { onProgress: (done, total) => void calls.push([done, total]) })
    expect(many).toHaveLength(1100)
    many.forEach((scores, index) => scores.forEach(({ label, score }, place) => {
      const expected = few[index % some.length]![place]!
      expect(label).toBe(expected.label)
      expect(Math.abs(score - expected.score)).toBeLessThan(tolerance)
    }))
    expect(calls.at(-1)).toEqual([1100, 1100])
    expect(calls.map(([done]) => done)).toEqual(calls.map(([done]) => done).toSorted((a, b) => a - b))
  })

  it('give a list for a list, and none for none', async () => {
    const classify = await classifier(await modelFolder('three-labels'))
    expect(await classify(['hello'])).toEqual([await classify('hello')])
    expect(await classify([])).toEqual([])
  })

  it('that are too long are cut, which is told once', async () => {
    const events = heard()
    const classify = await classifier(await modelFolder('three-labels'))
    expect(classify.maxLength).toBe(24)
    const long = 'the river and the garden '.repeat(20_000)
    const [text, pair] = await classify([long, [long, 'light']])
    expect(text).toEqual((await classify([long.slice(0, 400)]))[0])
    expect(pair).toEqual((await classify([[long.slice(0, 400), 'light']]))[0])
    expect(events[0]).toEqual({ type: 'notice', code: 'TENON_TEXT_CUT', message: '2 of 2 texts were longer than 24 tokens; only their beginnings were read' })
    expect(events).toHaveLength(3)
  })

  it.each([[5], [null], [undefined], [{}], [{ text: 5 }], [{ text_pair: 'hello' }], [new Set(['hello'])], [['hello', 'light', 'train']], [['hello']]])('are refused where one is %j, by its place, before anything is computed', async (input) => {
    const classify = await classifier(await modelFolder('three-labels'))
    let calls = 0
    const inputs = [...Array.from({ length: 700 }, () => 'hello'), input as unknown as string]
    const error = await classify(inputs, { onProgress: () => void calls++ }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidInputError)
    expect(error).toMatchObject({ message: expect.stringMatching(/text 700 is /i) })
    expect(calls).toBe(0)
  })

  it('are refused where half of a pair is none', async () => {
    const classify = await classifier(await modelFolder('three-labels'))
    await expect(classify([['hello', 5 as unknown as string]])).rejects.toThrow('The text_pair of text 0 is number')
    await expect(classify([['hello', undefined as unknown as string]])).rejects.toThrow('The text_pair of text 0 is null')
    await expect(classify([[null as unknown as string, 'hello']])).rejects.toThrow('The text of text 0 is null')
    await expect(classify({ text: 'hello', text_pair: 5 as unknown as string })).rejects.toThrow('The text_pair of the text is number')
  })

  it('are refused where one is missing from the list', async () => {
    const texts = ['hello', 'light']
    delete texts[1]
    await expect((await classifier(await modelFolder('three-labels')))(texts)).rejects.toThrow('Text 1 is undefined')
  })
})

describe('a call', () => {
  it.each([[['hello']], [[]]])('rejects at once where its signal is aborted before: %j', async (texts) => {
    const classify = await classifier(await modelFolder('three-labels'))
    await expect(classify(texts, { signal: AbortSignal.abort('enough') })).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
  })

  it('stops between runs, and the classifier can be used again', async () => {
    const classify = await classifier(await modelFolder('three-labels'), { batchTokens: 30 })
    const controller = new AbortController()
    let calls = 0
    const onProgress = () => {
      calls++
      controller.abort()
    }
    await expect(classify(Array.from({ length: 100 }, () => 'the river'), { signal: controller.signal, onProgress })).rejects.toBeInstanceOf(AbortedError)
    expect(calls).toBe(1)
    expect(await classify('hello')).toHaveLength(3)
  })

  it('is refused after disposal', async () => {
    const classify = await runtime.task('text-classification', { model: await modelFolder('three-labels') })
    await classify.dispose()
    await expect(classify('hello')).rejects.toBeInstanceOf(DisposedError)
  })
})
