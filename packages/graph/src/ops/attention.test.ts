import { ShapeMismatchError, TypeMismatchError, type HostTensor } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { apartWhenLowered, input, lowered, noise, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { MultiHeadAttention, RotaryEmbedding } from './index.js'

const op = 'com.microsoft::MultiHeadAttention'
const hidden = ['batch', 'sequence', 8]

interface Given {
  readonly bias?: boolean
  readonly mask?: readonly number[]
  readonly scores?: readonly number[]
  readonly keys?: number
  readonly valueSize?: number
  readonly attributes?: { readonly scale?: number; readonly mask_filter_value?: number; readonly unidirectional?: number }
}

/** Two texts, three queries of two heads of four numbers each. */
function attention({ bias = false, mask, scores, keys = 3, valueSize = 8, attributes = {} }: Given) {
  const builder = new GraphBuilder('attention')
  const feeds: Record<string, HostTensor> = { query: noise([2, 3, 8], 1), key: noise([2, keys, 8], 2), value: noise([2, keys, valueSize], 3) }
  const last = keys === 3 ? 'sequence' : 'keys'
  const query = builder.input('query', 'float32', ['batch', 'sequence', 8])
  const key = builder.input('key', 'float32', ['batch', last, 8])
  const value = builder.input('value', 'float32', ['batch', last, valueSize])
  const biases = bias ? builder.input('bias', 'float32', [16 + valueSize]) : undefined
  const padding = mask && builder.input('mask', 'int32', ['batch', last])
  const added = scores && builder.input('scores', 'float32', scores)
  if (bias) feeds.bias = noise([16 + valueSize], 4)
  if (mask) feeds.mask = tensorOf('int32', [2, keys], mask)
  if (scores) feeds.scores = noise(scores, 5)
  builder.output('y', MultiHeadAttention(query, key, value, biases, padding, added, { num_heads: 2, ...attributes }))
  return [builder.build(), feeds] as const
}

const lowest = -3.4028234663852886e38

describe('MultiHeadAttention', () => {
  it('takes the shape of the queries, and the size of the values', () => {
    const builder = new GraphBuilder('test')
    const [query, key, value] = [input('float32', hidden, builder), input('float32', ['batch', 'keys', 8], builder), input('float32', ['batch', 'keys', 6], builder)]
    expect(MultiHeadAttention(query, key, value, undefined, undefined, undefined, { num_heads: 2 })).toMatchObject({ dtype: 'float32', shape: ['batch', 'sequence', 6] })
  })

  it.each<[string, readonly (readonly (number | string)[])[], number]>([
    ['a query of two dimensions', [['batch', 8], hidden, hidden], 2],
    ['keys of another size', [hidden, ['batch', 'sequence', 6], hidden], 2],
    ['values of another length', [['b', 3, 8], ['b', 4, 8], ['b', 5, 8]], 2],
    ['a size that the heads cannot share', [hidden, hidden, hidden], 3],
    ['values that the heads cannot share', [hidden, hidden, ['batch', 'sequence', 7]], 2],
    ['no head', [hidden, hidden, hidden], 0],
  ])('refuses %s', (_, [query, key, value], heads) => {
    const builder = new GraphBuilder('test')
    const values = [query!, key!, value!].map((shape) => input('float32', shape, builder))
    expect(() => MultiHeadAttention(values[0]!, values[1]!, values[2]!, undefined, undefined, undefined, { num_heads: heads })).toThrow(ShapeMismatchError)
  })

  it('refuses a mask of four dimensions, a bias of the wrong length and mixed types', () => {
    const builder = new GraphBuilder('test')
    const x = input('float32', hidden, builder)
    expect(() => MultiHeadAttention(x, x, x, undefined, input('int32', ['batch', 1, 1, 1], builder), undefined, { num_heads: 2 })).toThrow(ShapeMismatchError)
    expect(() => MultiHeadAttention(x, x, x, input('float32', [8], builder), undefined, undefined, { num_heads: 2 })).toThrow(ShapeMismatchError)
    expect(() => MultiHeadAttention(x, x, input('float16', hidden, builder), undefined, undefined, undefined, { num_heads: 2 })).toThrow(TypeMismatchError)
  })

  it.each<[string, Given]>([
    ['without masks', {}],
    ['with a scale', { attributes: { scale: 0.3 } }],
    ['with keys of another length', { keys: 5 }],
    ['with values of another size', { valueSize: 4 }],
    ['with biases of the projections', { bias: true }],
    ['with a padding mask', { mask: [1, 1, 0, 1, 0, 0] }],
    ['with a padding mask of the lowest number', { mask: [1, 1, 0, 1, 0, 0], attributes: { mask_filter_value: lowest } }],
    ['with a text that is all padding', { mask: [1, 1, 1, 0, 0, 0], attributes: { mask_filter_value: lowest } }],
    ['with added scores', { scores: [2, 2, 3, 3] }],
    ['with added scores that broadcast', { scores: [1, 2, 3, 3] }],
    ['with both masks', { mask: [1, 1, 0, 1, 1, 1], scores: [2, 2, 3, 3] }],
    ['looking back only', { attributes: { unidirectional: 1 } }],
    ['with everything', { bias: true, mask: [1, 1, 1, 1, 1, 0], scores: [2, 2, 3, 3], attributes: { unidirectional: 1, scale: 0.5 } }],
  ])('is what it decomposes into %s', async (_, given) => {
    const [graph, feeds] = attention(given)
    verify(lowered(graph, op))
    expect(await apartWhenLowered(graph, feeds, op)).toBeLessThanOrEqual(1e-5)
  })

  it('keeps its symbols when it is lowered', () => {
    const [graph] = attention({ mask: [1, 1, 1, 1, 1, 1] })
    expect(lowered(graph, op).outputs).toEqual(graph.outputs)
  })
})

interface Turned {
  /** Whether the two heads, of eight numbers each, are a dimension of their own. */
  readonly split?: boolean
  readonly places?: readonly number[]
  readonly turned?: number
  readonly attributes?: { readonly interleaved?: number; readonly num_heads?: number; readonly rotary_embedding_dim?: number }
}

function rotary({ split = false, places = [0], turned = 8, attributes = {} }: Turned) {
  const builder = new GraphBuilder('rotary')
  const shape = split ? [2, 2, 3, 8] : [2, 3, 16]
  const feeds: Record<string, HostTensor> = {
    x: noise(shape, 1),
    places: tensorOf('int64', places.length === 1 ? [1] : [2, 3], places),
    cos: noise([6, turned / 2], 2),
    sin: noise([6, turned / 2], 3),
  }
  const x = builder.input('x', 'float32', split ? ['batch', 2, 'sequence', 8] : ['batch', 'sequence', 16])
  const at = builder.input('places', 'int64', places.length === 1 ? [1] : ['batch', 'sequence'])
  const [cos, sin] = [builder.input('cos', 'float32', ['positions', turned / 2]), builder.input('sin', 'float32', ['positions', turned / 2])]
  builder.output('y', RotaryEmbedding(x, at, cos, sin, attributes))
  return [builder.build(), feeds] as const
}

describe('RotaryEmbedding', () => {
  it.each<[string, Turned]>([
    ['halves of heads that lie side by side', {}],
    ['from a later position on', { places: [3] }],
    ['at positions of its own for each token', { places: [0, 1, 2, 5, 4, 3] }],
    ['neighbours', { attributes: { interleaved: 1 } }],
    ['heads that are a dimension', { split: true }],
    ['heads that are a dimension, at positions of their own', { split: true, places: [0, 1, 2, 5, 4, 3], attributes: { interleaved: 1 } }],
    ['a part of each head', { turned: 4, attributes: { num_heads: 2, rotary_embedding_dim: 4 } }],
  ])('is what it decomposes into: %s', async (_, given) => {
    const [graph, feeds] = rotary(given)
    verify(lowered(graph, 'com.microsoft::RotaryEmbedding'))
    expect(await apartWhenLowered(graph, feeds, 'com.microsoft::RotaryEmbedding')).toBeLessThanOrEqual(1e-6)
    expect(lowered(graph, 'com.microsoft::RotaryEmbedding').outputs).toEqual(graph.outputs)
  })

  it.each<[string, readonly (number | string)[], readonly number[], readonly number[], readonly number[], object]>([
    ['an input of two dimensions', ['batch', 16], [1], [6, 4], [6, 4], {}],
    ['positions that are a scalar', ['batch', 'sequence', 16], [], [6, 4], [6, 4], {}],
    ['sines of another size', ['batch', 'sequence', 16], [1], [6, 4], [6, 2], {}],
    ['heads that are smaller than what is turned', ['batch', 'sequence', 16], [1], [6, 4], [6, 4], { num_heads: 4 }],
    ['a size that the heads do not share', ['batch', 'sequence', 20], [1], [6, 4], [6, 4], {}],
    ['caches for another part of a head', ['batch', 'sequence', 16], [1], [6, 4], [6, 4], { num_heads: 2, rotary_embedding_dim: 4 }],
  ])('refuses %s', (_, shape, places, cos, sin, attributes) => {
    const builder = new GraphBuilder('test')
    const caches = [input('float32', cos, builder), input('float32', sin, builder)] as const
    expect(() => RotaryEmbedding(input('float32', shape, builder), input('int64', places, builder), ...caches, attributes)).toThrow(ShapeMismatchError)
  })
})
