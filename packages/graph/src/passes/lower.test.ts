import { UnsupportedOpError, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { Cast, Clip, Div, Gelu, LayerNormalization, ReduceL2, ReduceMean, ReduceSum, Relu, Sigmoid, Softmax, Sub, Tanh } from '../ops/index.js'
import { constantOf, difference, noise, run } from '../test-support.js'
import { verify } from '../verify.js'
import { lower } from './lower.js'

const having = (...ops: string[]) => lower({ name: 'small', supports: ({ op }) => ops.includes(op) })

function graphOf(emit: (x: Value) => Value): Graph {
  const builder = new GraphBuilder('test')
  builder.output('y', emit(builder.input('x', 'float32', ['batch', 6])))
  return builder.build()
}

describe('lowering', () => {
  it.each<[string, readonly string[], (x: Value) => Value]>([
    ['differences', ['Add', 'Mul'], (x) => Sub(x, scalar(x, 0.3))],
    ['quotients and roots', ['Mul', 'Pow', 'ReduceSum'], (x) => Div(x, ReduceL2(x, integers(x, [-1])))],
    ['means', ['Mul', 'ReduceSum'], (x) => ReduceMean(x, integers(x, [1]), { keepdims: 0 })],
    ['normalisation', ['Add', 'Mul', 'Pow', 'ReduceSum'], (x) => LayerNormalization(x, x.builder.constant(constantOf(noise([6]))))],
    ['activations', ['Add', 'Mul', 'Pow', 'Exp', 'Max', 'Min'], (x) => Clip(Relu(Sigmoid(Tanh(Gelu(x, { approximate: 'tanh' })))), undefined, scalar(x, 0.6))],
    ['attention’s weights', ['Add', 'Mul', 'Pow', 'Exp', 'ReduceMax', 'ReduceSum'], (x) => Softmax(x)],
  ])('leaves of %s only %j, and computes the same', async (_, ops, emit) => {
    const graph = graphOf(emit)
    const small = verify(having(...ops).apply(graph))
    expect(ops).toEqual(expect.arrayContaining([...new Set(small.nodes.map(({ op }) => op))]))
    const feeds = { x: noise([3, 6]) }
    const [whole, parts] = [await run(graph, feeds), await run(small, feeds)]
    expect(difference(parts['y']!.values, whole['y']!.values)).toBeLessThanOrEqual(1e-5)
  })

  it.each<[string, (x: Value) => Value]>([
    ['Pow', (x) => Div(x, x)],
    ['Max', (x) => Relu(x)],
    ['Mul', (x) => Sub(x, x)],
    ['Exp', (x) => Tanh(x)],
  ])('ends, and names %s, where nothing simpler is left', (op, emit) => {
    const others = ['Add', 'Mul', 'Pow'].filter((each) => each !== op)
    expect(() => having(...others).apply(graphOf(emit))).toThrow(UnsupportedOpError)
    expect(() => having(...others).apply(graphOf(emit))).toThrow(`cannot run ${op} `)
  })

  it('names all that nothing simpler is left of, at once', () => {
    const graph = graphOf((x) => Softmax(Relu(Tanh(x))))
    const error = (() => {
      try {
        return having('Add', 'Mul').apply(graph)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toBeInstanceOf(UnsupportedOpError)
    expect(error).toMatchObject({ op: 'Exp', others: ['Pow', 'Max', 'ReduceMax', 'ReduceSum'], message: expect.stringContaining('; nor can it run Pow, Max, ReduceMax, ReduceSum. ') })
  })

  it('refuses what is simpler only for other types or sizes', () => {
    const builder = new GraphBuilder('test')
    const counts = builder.input('n', 'int64', [2])
    builder.output('y', Div(counts, counts))
    expect(() => having('Mul', 'Pow', 'Reciprocal').apply(builder.build())).toThrow('cannot run Div ')
    expect(() => having('Mul', 'ReduceSum').apply(graphOf((x) => ReduceMean(x, integers(x, [0]))))).toThrow('cannot run ReduceMean ')
  })

  it('refuses a decomposition that makes something else, or the operator again', () => {
    const made = (decompose: (x: Value) => Value) => having().apply(graphOf(defineOp('org.example::Odd', { since: 1, inputs: ['X'], infer: ([x]) => x, decompose: ([x]) => decompose(x) })))
    expect(() => made((x) => ReduceSum(x))).toThrow('the decomposition of org.example::Odd expects [batch, 6] and got [1, 1]')
    expect(() => made((x) => Cast(x, { to: 'float64' }))).toThrow('the decomposition of org.example::Odd expects float32 and got float64')
    const Endless = defineOp('org.example::Endless', { since: 1, inputs: ['X'], infer: ([x]) => x, decompose: ([x]): Value => Endless(x) })
    expect(() => having().apply(graphOf(Endless))).toThrow("The graph 'test' is not valid: the decomposition of org.example::Endless comes back to what it began with. Decompose into simpler operators.")
  })

  it('gives the same graph where everything is supported', () => {
    const graph = graphOf((x) => Sub(x, x))
    expect(having('Sub').apply(graph)).toBe(graph)
  })
})
