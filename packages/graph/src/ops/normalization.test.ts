import { InvalidGraphError, ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import type { OpDefinition } from '../op.js'
import { apartWhenLowered, constantOf, input, lowered, noise, run, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { LayerNormalization, LogSoftmax, SkipLayerNormalization, Softmax } from './index.js'
import { BatchNormalization } from './normalization.js'

describe.each([
  ['Softmax', Softmax],
  ['LogSoftmax', LogSoftmax],
] as const)('%s', (name, op) => {
  it('keeps type and shape', () => {
    expect(op(input('float16', ['batch', 3]))).toMatchObject({ dtype: 'float16', shape: ['batch', 3] })
  })

  it('refuses an axis that is not there', () => {
    expect(() => op(input('float32', [2, 3]), { axis: 2 })).toThrow(ShapeMismatchError)
    expect(() => op(input('float32', [2, 3]), { axis: -3 })).toThrow(ShapeMismatchError)
  })

  it.each([-1, 0, 1, -2])('is what it decomposes into, along axis %i, with large numbers too', async (axis) => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 3, 4])
    builder.output('y', op(x, { axis }))
    const feeds = noise([2, 3, 4])
    feeds.values.forEach((value, index) => (feeds.values[index] = value * 200))
    expect(await apartWhenLowered(builder.build(), { x: feeds }, name)).toBeLessThanOrEqual(1e-5)
  })
})

describe('LayerNormalization', () => {
  it('makes the statistics that are asked for, in float32, one for each row', () => {
    const builder = new GraphBuilder('test')
    const x = input('float32', ['batch', 'sequence', 8], builder)
    const outputs = builder.emit(LayerNormalization as unknown as OpDefinition, [x, input('float32', [8], builder)], {}, 3)
    expect(outputs.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual([
      { dtype: 'float32', shape: ['batch', 'sequence', 8] },
      { dtype: 'float32', shape: ['batch', 'sequence', 1] },
      { dtype: 'float32', shape: ['batch', 'sequence', 1] },
    ])
  })

  it('refuses a scale of another size or type, and an axis that is not there', () => {
    const builder = new GraphBuilder('test')
    const x = input('float32', ['batch', 8], builder)
    expect(() => LayerNormalization(x, input('float32', [7], builder))).toThrow(ShapeMismatchError)
    expect(() => LayerNormalization(x, input('float16', [8], builder))).toThrow(TypeMismatchError)
    expect(() => LayerNormalization(x, input('float32', [8], builder), undefined, { axis: 2 })).toThrow(ShapeMismatchError)
  })

  it.each([
    [-1, [4], true],
    [-1, [4], false],
    [2, [4], true],
    [1, [3, 4], true],
    [-2, [3, 4], false],
  ] as const)('is what it decomposes into, from axis %i on, scale %j, bias %j, statistics too', async (axis, shape, bias) => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 3, 4])
    const parameters = [1, 2].slice(0, bias ? 2 : 1).map((seed) => builder.constant(constantOf(noise(shape, seed))))
    const outputs = builder.emit(LayerNormalization as unknown as OpDefinition, [x, ...parameters], { axis, epsilon: 1e-3 }, 3)
    outputs.forEach((output, index) => builder.output(['y', 'mean', 'inverse'][index]!, output))
    const graph = builder.build()
    verify(lowered(graph, 'LayerNormalization'))
    expect(await apartWhenLowered(graph, { x: noise([2, 3, 4], 3) }, 'LayerNormalization')).toBeLessThanOrEqual(1e-5)
  })
})

const skip = 'com.microsoft::SkipLayerNormalization'

describe('SkipLayerNormalization', () => {
  it('refuses a scale of another size', () => {
    const builder = new GraphBuilder('test')
    const x = input('float32', ['rows', 8], builder)
    expect(() => SkipLayerNormalization(x, x, input('float32', [7], builder))).toThrow(ShapeMismatchError)
  })

  it.each([
    ['beta and bias', [2, 3, 4], 2, true, true],
    ['beta', [2, 3, 4], 2, true, false],
    ['neither', [2, 3, 4], 2, false, false],
    ['bias alone', [2, 3, 4], 2, false, true],
    ['rows', [6, 4], 1, true, true],
  ] as const)('is what it decomposes into, with %s, the sum too', async (_, shape, __, hasBeta, hasBias) => {
    const builder = new GraphBuilder('test')
    const symbolic = shape.length === 3 ? ['batch', 3, 4] : ['rows', 4]
    const x = builder.input('x', 'float32', symbolic)
    const y = builder.input('skip', 'float32', symbolic)
    const vector = (seed: number) => builder.constant(constantOf(noise([4], seed)))
    const inputs = [x, y, vector(1), hasBeta ? vector(2) : undefined, hasBias ? vector(3) : undefined]
    // The CPU kernel leaves the statistics out.
    const outputs = builder.emitNamed(SkipLayerNormalization as unknown as OpDefinition, inputs, { epsilon: 1e-3 }, [undefined, '', '', undefined])
    builder.output('y', outputs[0]!)
    builder.output('sum', outputs[3]!)
    const graph = builder.build()
    const feeds = { x: noise(shape, 4), skip: noise(shape, 5) }
    verify(lowered(graph, skip))
    expect(await apartWhenLowered(graph, feeds, skip)).toBeLessThanOrEqual(1e-5)
    expect(await apartWhenLowered(graph, feeds, skip, 'LayerNormalization')).toBeLessThanOrEqual(1e-5)
  })

  it('gives the statistics of the sum when it is decomposed', async () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [1, 2])
    const outputs = builder.emit(SkipLayerNormalization as unknown as OpDefinition, [x, x, builder.constant(constantOf(noise([2])))], { epsilon: 0 }, 3)
    ;['y', 'mean', 'inverse'].forEach((name, index) => builder.output(name, outputs[index]!))
    const feeds = noise([1, 2])
    feeds.values.set([1, 3]) // doubled: 2 and 6
    const results = await run(lowered(builder.build(), skip), { x: feeds })
    expect(results.mean!.values).toEqual([4])
    expect(results.inverse!.values).toEqual([0.5])
  })
})

describe('BatchNormalization', () => {
  it.each([[[5, 3]], [[2, 3, 4]], [[2, 3, 4, 2]]])('is what it decomposes into, on %j', async (shape) => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', ...shape.slice(1)])
    const [scale, bias, mean] = [1, 2, 3].map((seed) => builder.constant(constantOf(noise([3], seed))))
    const variance = builder.constant(constantOf(tensorOf('float32', [3], [0.5, 1, 4])))
    builder.output('y', BatchNormalization(x, scale!, bias!, mean!, variance, { epsilon: 0.01 }))
    const graph = verify(builder.build())
    expect(graph.outputs[0]!.shape).toEqual(['batch', ...shape.slice(1)])
    expect(await apartWhenLowered(graph, { x: noise(shape) }, 'BatchNormalization')).toBeLessThanOrEqual(1e-5)
  })

  it('refuses parameters of another size, an input without channels, and training', () => {
    const builder = new GraphBuilder('test')
    const of = (...shape: number[]) => input('float32', shape, builder)
    const call = (x: number[], channels: number, training = 0) => BatchNormalization(of(...x), of(channels), of(channels), of(channels), of(channels), { training_mode: training })
    expect(() => call([2, 3], 4)).toThrow(ShapeMismatchError)
    expect(() => call([3], 3)).toThrow(ShapeMismatchError)
    expect(() => call([2, 3], 3, 1)).toThrow(InvalidGraphError)
  })
})
