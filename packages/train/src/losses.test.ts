import { InvalidOptionError, ShapeMismatchError, tensor, TypeMismatchError, type Executable } from '@tenon/core'
import { GraphBuilder, type Value } from '@tenon/graph'
import { gradients } from '@tenon/graph/gradient'
import { afterAll, describe, expect, it } from 'vitest'
import { crossEntropy, type CrossEntropyOptions } from './cross-entropy.js'
import { meanSquaredError } from './mean-squared-error.js'
import { apart, backends, compile, cleanUp, fixture, outputsOf, type AnyBackend, type Written } from './test-support.js'

afterAll(cleanUp)

interface Case {
  readonly what: string
  readonly options: CrossEntropyOptions
  readonly scores: Written
  readonly labels?: Written
  readonly targets?: Written
  readonly value: number
  readonly gradient: Written
}

const cases: readonly Case[] = await fixture('losses.json')

/** A loss of `scores` and its gradient. */
function compileLoss(backend: AnyBackend, shape: readonly (number | string)[], emit: (scores: Value, builder: GraphBuilder) => Value): Promise<Executable> {
  const builder = new GraphBuilder('loss')
  const scores = builder.input('scores', 'float32', shape)
  const loss = emit(scores, builder)
  builder.output('loss', loss)
  builder.output('gradient', gradients(loss, [scores])[0]!)
  return compile(backend, builder.build())
}

const float32 = ({ shape, data }: Written) => tensor('float32', shape, Float32Array.from(data))
const int64 = ({ shape, data }: Written) => tensor('int64', shape, BigInt64Array.from(data, BigInt))

const compileCrossEntropy = (backend: AnyBackend, classes = 4, options?: CrossEntropyOptions) =>
  compileLoss(backend, ['batch', classes], (scores, builder) => crossEntropy(scores, builder.input('labels', 'int64', ['batch']), options))

describe.each(cases)('$what', ({ options, scores, labels, targets, value, gradient }) => {
  it.each(backends)('is a loss, and has a gradient, as in PyTorch, on $on', async ({ backend }) => {
    // The sizes but the last are known at run time, as those of batches are.
    const sizes = ['batch', 'sequence'].slice(0, scores.shape.length - 1)
    const executable = await compileLoss(backend, [...sizes, scores.shape.at(-1)!], (input, builder) =>
      labels === undefined ? meanSquaredError(input, builder.input('targets', 'float32', input.shape)) : crossEntropy(input, builder.input('labels', 'int64', sizes), options))
    const outputs = await outputsOf(executable, { scores: float32(scores), ...(labels && { labels: int64(labels) }), ...(targets && { targets: float32(targets) }) })
    expect(apart(outputs['loss']!, [value])).toBeLessThan(2e-6)
    expect(apart(outputs['gradient']!, gradient.data)).toBeLessThan(1e-6)
  })
})

describe.each(backends)('crossEntropy on $on', ({ backend }) => {
  const scores = tensor('float32', [2, 4], Float32Array.of(1, -2, 3, 0, 2, 0, 0, 1))

  it('is 0 and has no gradient where no label counts', async () => {
    const executable = await compileCrossEntropy(backend)
    const outputs = await outputsOf(executable, { scores, labels: int64({ shape: [2], data: [-100, -100] }) })
    expect(Math.abs(outputs['loss']![0]!)).toBe(0)
    expect(apart(outputs['gradient']!, new Float32Array(8))).toBe(0)
  })

  it.each([4, 1000, -1, -4])('fails the run for the label %i of 4 classes', async (label) => {
    const executable = await compileCrossEntropy(backend)
    await expect(executable.run({ scores, labels: int64({ shape: [2], data: [1, label] }) })).rejects.toMatchObject({ code: expect.stringMatching(/^TENON_/) })
    expect((await outputsOf(executable, { scores, labels: int64({ shape: [2], data: [1, 3] }) }))['loss']![0]).toBeGreaterThan(1)
  })

  it('stays a number for scores far apart', async () => {
    const executable = await compileCrossEntropy(backend)
    const outputs = await outputsOf(executable, { scores: tensor('float32', [1, 4], Float32Array.of(1e4, -1e4, 0, 0)), labels: int64({ shape: [1], data: [1] }) })
    expect(outputs['loss']![0]).toBe(2e4)
    expect(apart(outputs['gradient']!, [1, -1, 0, 0])).toBeLessThan(1e-6)
  })
})

describe('losses', () => {
  const builder = new GraphBuilder('test')
  let count = 0
  const input = (dtype: 'float32' | 'int64', shape: readonly (number | string)[]) => builder.input(`input${count++}`, dtype, shape)

  it('refuse labels that do not fit the scores', () => {
    expect(() => crossEntropy(input('float32', ['batch', 3]), input('float32', ['batch']))).toThrow(TypeMismatchError)
    expect(() => crossEntropy(input('float32', ['batch', 3]), input('int64', ['batch', 1]))).toThrow(ShapeMismatchError)
    expect(() => crossEntropy(input('float32', [4, 3]), input('int64', [5]))).toThrow(ShapeMismatchError)
    expect(() => crossEntropy(input('float32', [3]), input('int64', []))).toThrow(ShapeMismatchError)
  })

  it('refuse targets of another shape, which would be stretched', () => {
    expect(() => meanSquaredError(input('float32', ['batch', 1]), input('float32', ['batch']))).toThrow(ShapeMismatchError)
    expect(() => meanSquaredError(input('float32', [4, 1]), input('float32', [4, 4]))).toThrow(ShapeMismatchError)
  })

  it.each([{ labelSmoothing: 1.5 }, { labelSmoothing: -0.1 }, { labelSmoothing: NaN }, { ignoreIndex: 0.5 }])('refuse the option %o', (options) => {
    expect(() => crossEntropy(input('float32', ['batch', 3]), input('int64', ['batch']), options)).toThrow(InvalidOptionError)
  })
})
