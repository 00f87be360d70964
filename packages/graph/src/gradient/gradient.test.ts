import { inlineConstant, InvalidOptionError, NoGradientError, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { Add, Gelu, MatMul, Mul, MultiHeadAttention, QuickGelu, ReduceMean, ReduceSum, Softmax, Sub } from '../ops/index.js'
import { difference, hollow, run, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { gradient } from './gradient.js'
import { gradients } from './gradients.js'

const sum = (x: Value) => ReduceSum(x, undefined, { keepdims: 0 })

/** Two layers: x → first, frozen in the tests → second → loss. */
function layers(): Graph {
  const builder = new GraphBuilder('layers')
  const x = builder.input('x', 'float32', ['batch', 2])
  const layer = (input: Value, name: string) => QuickGelu(MatMul(input, builder.constant(inlineConstant('float32', [2, 2], Float32Array.of(0.5, -0.25, 1, 0.75)), name)))
  const [first, second] = [layer(x, 'first'), layer(layer(x, 'other'), 'second')]
  builder.output('logits', second)
  builder.output('features', first)
  builder.output('loss', ReduceMean(Mul(second, second), undefined, { keepdims: 0 }))
  return builder.build()
}
const opsOf = ({ nodes }: Graph) => nodes.map(({ op }) => op)

/** As in the README. */
function step(): Graph {
  const builder = new GraphBuilder('step')
  const x = builder.input('x', 'float32', ['batch', 2])
  const y = builder.input('y', 'float32', ['batch', 1])
  const w = builder.input('w', 'float32', [2, 1])
  const error = Sub(MatMul(x, w), y)
  const loss = ReduceMean(Mul(error, error), undefined, { keepdims: 0 })
  const [slope] = gradients(loss, [w])
  builder.output('loss', loss)
  builder.output('w.next', Sub(w, Mul(slope, scalar(w, 0.1))), w)
  return builder.build()
}

it('is what a training step is made of', async () => {
  const [x, y] = [tensorOf('float32', [4, 2], [1, 0, 0, 1, 1, 1, 2, -1]), tensorOf('float32', [4, 1], [3, -2, 1, 8])]
  const graph = verify(step())
  let w = [0, 0]
  for (let count = 0; count < 100; count++) w = (await run(graph, { x, y, w: tensorOf('float32', [2, 1], w) }))['w.next']!.values
  expect(difference(w, [3, -2])).toBeLessThan(1e-5)
})

describe('gradient', () => {
  it('keeps the outputs, and adds a gradient for each name', async () => {
    const graph = gradient(layers(), { of: 'loss', withRespectTo: ['second', 'x'] })
    verify(graph)
    expect(graph.outputs.map(({ name, dtype, shape }) => `${name}: ${dtype}[${shape.join()}]`)).toEqual(['logits: float32[batch,2]', 'features: float32[batch,2]', 'loss: float32[]', 'gradient.second: float32[2,2]', 'gradient.x: float32[batch,2]'])
    const x = tensorOf('float32', [1, 2], [0.3, -0.4])
    const [before, after] = [await run(layers(), { x }), await run(graph, { x })]
    for (const name of ['logits', 'loss', 'features']) expect(difference(after[name]!.values, before[name]!.values)).toBeLessThan(1e-6)
  })

  it('lowers composites on the way only', () => {
    const all = opsOf(layers()).filter((op) => op.endsWith('QuickGelu'))
    expect(all).toHaveLength(3)
    // That of 'features' and that before the weight stay fused.
    const graph = gradient(layers(), { of: 'loss', withRespectTo: ['second'] })
    expect(opsOf(graph).filter((op) => op.endsWith('QuickGelu'))).toHaveLength(2)
    expect(opsOf(gradient(layers(), { of: 'loss', withRespectTo: ['x'] })).filter((op) => op.endsWith('QuickGelu'))).toHaveLength(1)
  })

  it('keeps those that have a rule of their own', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 4])
    builder.output('loss', sum(Softmax(Gelu(x))))
    const ops = opsOf(gradient(builder.build(), { of: 'loss', withRespectTo: ['x'] }))
    expect(ops.filter((op) => op === 'Gelu' || op === 'Softmax')).toEqual(['Gelu', 'Softmax'])
  })

  it('differentiates with respect to what a composite is made of', () => {
    const builder = new GraphBuilder('test')
    const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => builder.input(name, 'float32', ['batch', 'sequence', 8])) as [Value, Value, Value]
    builder.output('loss', sum(builder.emit(MultiHeadAttention as never, [q, k, v], { num_heads: 2 })[0]!))
    const graph = verify(gradient(builder.build(), { of: 'loss', withRespectTo: ['q', 'v'] }))
    expect(graph.outputs.slice(1).map(({ name, shape }) => [name, shape])).toEqual([['gradient.q', ['batch', 'sequence', 8]], ['gradient.v', ['batch', 'sequence', 8]]])
  })

  it('takes a value in between, and names each once', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['n'])
    const [hidden] = builder.emitNamed(Mul as never, [x, x], {}, ['hidden'])
    builder.output('loss', sum(Mul(hidden!, hidden!)))
    expect(gradient(builder.build(), { of: 'loss', withRespectTo: ['hidden', 'x', 'hidden'] }).outputs.map(({ name }) => name)).toEqual(['loss', 'gradient.hidden', 'gradient.x'])
  })

  it('keeps what outputs update', () => {
    const builder = new GraphBuilder('test')
    const w = builder.input('w', 'float32', [2])
    builder.output('loss', sum(Mul(w, w)))
    builder.output('w.next', Sub(w, scalar(w, 1)), w)
    expect(gradient(builder.build(), { of: 'loss', withRespectTo: ['w'] }).updates).toEqual(new Map([['w.next', 'w']]))
  })

  it('brings along the operators of others', async () => {
    const Twice = defineOp('org.example::Twice', { since: 1, inputs: ['X'], infer: ([x]) => x, decompose: ([x]) => Add(x, x), gradient: ({ gradients: [d] }) => [() => Mul(d!, scalar(d!, 2))] })
    const Thrice = defineOp('org.example::Thrice', { since: 1, inputs: ['X'], infer: ([x]) => x, decompose: ([x]) => Add(Twice(x), x) })
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    builder.output('loss', sum(Thrice(Twice(x))))
    const graph = gradient(builder.build(), { of: 'loss', withRespectTo: ['x'] })
    expect([...graph.operators!.keys()]).toEqual(['org.example::Twice'])
    expect(opsOf(verify(graph))).not.toContain('org.example::Thrice')
  })

  it('refuses an operator with neither a rule nor a decomposition', () => {
    const Opaque = defineOp('org.example::Opaque', { since: 1, inputs: ['X'], infer: ([x]) => x })
    const builder = new GraphBuilder('test')
    const [x, w] = [builder.input('x', 'float32', [2]), builder.input('w', 'float32', [2])]
    builder.output('loss', sum(Mul(Opaque(x), w)))
    const graph = builder.build()
    expect(() => gradient(graph, { of: 'loss', withRespectTo: ['x'] })).toThrow(NoGradientError)
    // Beside the way it does not matter.
    verify(gradient(graph, { of: 'loss', withRespectTo: ['w'] }))
  })

  it('refuses names that are not there, and what is no number', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    builder.input('ids', 'int64', [2])
    builder.constant(hollow('int64', [2]), 'positions')
    builder.output('loss', sum(x))
    builder.output('y', Mul(x, x))
    builder.output('axes', integers(x, [1]))
    const graph = builder.build()
    const of = (from: string, to: string) => () => gradient(graph, { of: from, withRespectTo: [to] })
    expect(of('loss', 'weight')).toThrow(InvalidOptionError)
    expect(of('loss', 'weight')).toThrow("The option 'withRespectTo' of gradient names 'weight', and the graph 'test' has no such value. Name an input, a constant or an output of the graph")
    expect(of('lost', 'x')).toThrow("The option 'of' of gradient names 'lost'")
    expect(of('loss', 'ids')).toThrow("The value 'ids' is int64")
    expect(of('y', 'x')).toThrow('a gradient is taken of one number')
  })
})
