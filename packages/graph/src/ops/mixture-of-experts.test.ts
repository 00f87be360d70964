import { ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { input } from '../test-support.js'
import { MoE } from './index.js'

type Shape = readonly (number | string)[]

interface Given {
  readonly x?: Shape
  readonly scores?: Shape
  readonly first?: Shape
  readonly firstBias?: Shape
  readonly second?: Shape
  readonly secondBias?: Shape
  readonly attributes?: Parameters<typeof MoE>[6]
}

/** Five experts that take six numbers to three and back. */
function experts({ x = ['rows', 6], scores = ['rows', 5], first = [5, 3, 6], firstBias, second = [5, 6, 3], secondBias, attributes = {} }: Given) {
  const builder = new GraphBuilder('test')
  const of = (shape: Shape) => input('float32', shape, builder)
  const optional = (shape: Shape | undefined) => shape && of(shape)
  return MoE(of(x), of(scores), of(first), optional(firstBias), of(second), optional(secondBias), { k: 2, ...attributes })
}

describe('MoE', () => {
  it.each<[string, Given, Shape]>([
    ['rows', {}, ['rows', 6]],
    ['a batch', { x: ['batch', 'sequence', 6] }, ['batch', 'sequence', 6]],
    ['gated experts', { first: [5, 6, 6], attributes: { activation_type: 'swiglu', swiglu_fusion: 1 } }, ['rows', 6]],
    ['experts with biases', { firstBias: [5, 3], secondBias: [5, 6] }, ['rows', 6]],
  ])('has the shape of its input: %s', (_, given, shape) => {
    expect(experts(given)).toMatchObject({ dtype: 'float32', shape })
  })

  it.each<[string, Given]>([
    ['an input of four dimensions', { x: [1, 2, 3, 6] }],
    ['scores of other experts', { scores: ['rows', 4] }],
    ['first layers for another size', { first: [5, 3, 7] }],
    ['first layers that are no matrices', { first: [5, 18] }],
    ['second layers of other experts', { second: [4, 6, 3] }],
    ['second layers that give another size', { second: [5, 7, 3] }],
    ['layers that do not fit', { first: [5, 4, 6] }],
    ['gates that lack their other half', { attributes: { activation_type: 'swiglu', swiglu_fusion: 1 } }],
    ['gates and the rest one after another', { first: [5, 6, 6], attributes: { activation_type: 'swiglu', swiglu_fusion: 2 } }],
    ['biases of another size', { firstBias: [5, 4] }],
    ['biases for other experts', { secondBias: [4, 6] }],
    ['an activation that nobody has', { attributes: { activation_type: 'softmax' } }],
    ['more experts than there are', { attributes: { k: 6 } }],
    ['no expert', { attributes: { k: 0 } }],
  ])('refuses %s', (_, given) => {
    expect(() => experts(given)).toThrow(ShapeMismatchError)
  })

  it('refuses mixed types', () => {
    const builder = new GraphBuilder('test')
    const [x, scores] = [input('float32', ['rows', 6], builder), input('float64', ['rows', 5], builder)]
    const [first, second] = [input('float32', [5, 3, 6], builder), input('float32', [5, 6, 3], builder)]
    expect(() => MoE(x, scores, first, undefined, second)).toThrow(TypeMismatchError)
  })
})
