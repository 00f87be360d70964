import { inlineConstant, InvalidOptionError, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { Add, Gather, MatMul, Mul, ReduceSum } from '../ops/index.js'
import { hollow, run, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { gradient } from './gradient.js'
import { parameters } from './parameters.js'

/** (table[ids] · weight + bias) / 2, for a single label. */
function example(): Graph {
  const builder = new GraphBuilder('example')
  const ids = builder.input('ids', 'int64', ['batch'])
  const table = builder.constant(inlineConstant('float32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)), 'table')
  const weight = builder.constant(inlineConstant('float32', [2, 1], Float32Array.of(1, -1)), 'weight')
  const bias = builder.constant(inlineConstant('float32', [1], Float32Array.of(0.5)), 'bias')
  builder.output('y', Mul(Add(MatMul(Gather(table, ids), weight), bias), scalar(bias, 0.5)))
  const signs = builder.constant(inlineConstant('float32', [2], Float32Array.of(1, 1)))
  builder.output('loss', ReduceSum(MatMul(Mul(Gather(table, integers(ids, [0, 1])), signs), weight), undefined, { keepdims: 0 }))
  return builder.build()
}

describe('parameters', () => {
  it('makes inputs of weights, and gives the constants that they start from', async () => {
    const whole = example()
    const { graph, constants } = parameters(whole)
    expect(graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([['ids', 'int64', ['batch']], ['table', 'float32', [3, 2]], ['weight', 'float32', [2, 1]], ['bias', 'float32', [1]]])
    expect([...constants]).toEqual(['table', 'weight', 'bias'].map((name) => [name, whole.constants.get(name)]))
    // Literals of the computation and integers stay.
    expect([...graph.constants.values()].map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).toSorted()).toEqual(['float32[2]', 'float32[]', 'int64[2]'])
    const weights = { table: tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]), weight: tensorOf('float32', [2, 1], [1, -1]), bias: tensorOf('float32', [1], [0.5]) }
    const ids = tensorOf('int64', [2], [2, 0])
    expect((await run(verify(graph), { ids, ...weights }))['y']).toEqual((await run(whole, { ids }))['y'])
  })

  it('takes those that are named, or that a function picks', () => {
    const shown = (which: Parameters<typeof parameters>[1]) => [...parameters(example(), which).constants.keys()]
    expect(shown(['bias', 'weight'])).toEqual(['weight', 'bias'])
    expect(shown((name, { shape }) => name !== 'table' && shape.length === 2)).toEqual(['weight'])
  })

  it('gives the same graph back where there are none', () => {
    const graph = example()
    expect(parameters(graph, []).graph).toBe(graph)
  })

  it('leaves weights where they lie until somebody asks', () => {
    const builder = new GraphBuilder('hollow')
    builder.output('y', Mul(builder.constant(hollow('float16', [1000, 1000]), 'w'), builder.input('x', 'float16', [])))
    expect(parameters(builder.build()).graph.inputs[1]).toEqual({ name: 'w', dtype: 'float16', shape: [1000, 1000] })
  })

  it('refuses names of what is no weight', () => {
    const graph = example()
    expect(() => parameters(graph, ['wieght'])).toThrow(InvalidOptionError)
    expect(() => parameters(graph, ['wieght'])).toThrow("names 'wieght', which is no constant of the graph 'example'")
    const axes = [...graph.constants].find(([, { dtype }]) => dtype === 'int64')![0]
    expect(() => parameters(graph, [axes])).toThrow('which is a constant of int64')
  })

  it('comes before or after the gradient', async () => {
    const names = ['table', 'bias']
    const ids = tensorOf('int64', [2], [2, 0])
    const before = gradient(parameters(example()).graph, { of: 'loss', withRespectTo: names })
    const after = parameters(gradient(example(), { of: 'loss', withRespectTo: names })).graph
    const weights = { table: tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]), weight: tensorOf('float32', [2, 1], [1, -1]), bias: tensorOf('float32', [1], [0.5]) }
    const [a, b] = [await run(verify(before), { ids, ...weights }), await run(verify(after), { ids, ...weights })]
    expect(a['gradient.table']!.values).toEqual([1, -1, 1, -1, 0, 0])
    expect(a['gradient.bias']!.values).toEqual([0])
    expect(b['gradient.table']).toEqual(a['gradient.table'])
  })
})
