import { ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { apartWhenLowered, input, lowered, noise } from '../test-support.js'
import { verify } from '../verify.js'
import { Gemm, MatMul } from './index.js'

const pair = (a: readonly (number | string)[], b: readonly (number | string)[]) => {
  const builder = new GraphBuilder('test')
  return [input('float32', a, builder), input('float32', b, builder)] as const
}

describe('MatMul', () => {
  it.each<[readonly (number | string)[], readonly (number | string)[], readonly (number | string)[]]>([
    [['batch', 'heads', 'queries', 4], ['batch', 'heads', 4, 'keys'], ['batch', 'heads', 'queries', 'keys']],
    [['batch', 'n', 3], [3, 4], ['batch', 'n', 4]],
    [[1, 'n', 'inner'], ['batch', 'inner', 4], ['batch', 'n', 4]],
    [['n'], ['n'], []],
    [['n', 0], [0, 'm'], ['n', 'm']],
  ])('of %j and %j has the shape %j', (a, b, expected) => {
    expect(MatMul(...pair(a, b)).shape).toEqual(expected)
  })

  it.each<[readonly (number | string)[], readonly (number | string)[]]>([
    [[2, 3], [4, 5]],
    [[2, 2, 3], [3, 3, 4]],
    [[], [3]],
  ])('of %j and %j is refused', (a, b) => {
    expect(() => MatMul(...pair(a, b))).toThrow(ShapeMismatchError)
  })

  it('refuses mixed types', () => {
    const builder = new GraphBuilder('test')
    expect(() => MatMul(input('float32', [2, 2], builder), input('float64', [2, 2], builder))).toThrow(TypeMismatchError)
  })
})

describe('Gemm', () => {
  it('refuses what is no matrix, inner sizes that differ and a bias that does not fit', () => {
    const builder = new GraphBuilder('test')
    const x = input('float32', ['n', 3], builder)
    expect(() => Gemm(input('float32', ['batch', 'n', 3], builder), x)).toThrow(ShapeMismatchError)
    expect(() => Gemm(x, input('float32', [4, 5], builder))).toThrow(ShapeMismatchError)
    expect(() => Gemm(x, input('float32', [3, 4], builder), input('float32', [5], builder))).toThrow(ShapeMismatchError)
  })

  const settings = [0, 1].flatMap((transA) => [0, 1].flatMap((transB) => [{ transA, transB }, { transA, transB, alpha: 0.5, beta: 2 }]))
  const biases = [undefined, [4], [2, 1], []]
  it.each(settings.flatMap((attributes) => biases.map((bias) => [attributes, bias] as const)))('is what it decomposes into: %j, bias %j', async (attributes, bias) => {
    const builder = new GraphBuilder('test')
    const shapes = { a: attributes.transA ? [3, 2] : [2, 3], b: attributes.transB ? [4, 3] : [3, 4], ...(bias && { c: bias }) }
    const feeds = Object.fromEntries(Object.entries(shapes).map(([name, shape], index) => [name, noise(shape, index)]))
    const [a, b, c] = Object.entries(shapes).map(([name, shape]) => builder.input(name, 'float32', shape))
    const product = Gemm(a!, b!, c, attributes)
    expect(product.shape).toEqual([2, 4])
    builder.output('y', product)
    const graph = builder.build()
    verify(lowered(graph, 'Gemm'))
    expect(await apartWhenLowered(graph, feeds, 'Gemm')).toBeLessThanOrEqual(1e-5)
  })
})
