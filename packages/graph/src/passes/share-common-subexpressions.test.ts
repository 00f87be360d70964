import { inlineConstant, lazyConstant, type Constant, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { defineOp } from '../op.js'
import { Add, ConstantOfShape, Identity, Mul, Neg, Relu, Shape, Softmax, Split } from '../ops/index.js'
import { constantOf, noise } from '../test-support.js'
import { verify } from '../verify.js'
import { shareCommonSubexpressions } from './index.js'

const share = shareCommonSubexpressions()

function built(build: (builder: GraphBuilder, x: ReturnType<GraphBuilder['input']>) => void): Graph {
  const builder = new GraphBuilder('example')
  build(builder, builder.input('x', 'float32', ['batch', 4]))
  return verify(builder.build())
}

const opsOf = (graph: Graph) => graph.nodes.map(({ op }) => op)

describe('shareCommonSubexpressions', () => {
  it('makes each value once, and what follows from it too', () => {
    const graph = built((builder, x) => builder.output('y', Mul(Neg(Add(x, x)), Neg(Add(x, x)))))
    const shared = verify(share.apply(graph))
    expect(opsOf(shared)).toEqual(['Add', 'Neg', 'Mul'])
    expect(share.apply(shared)).toBe(shared)
  })

  it('tells attributes apart', () => {
    const graph = built((builder, x) => builder.output('y', Add(Softmax(x, { axis: 0 }), Softmax(x, { axis: 1 }))))
    expect(share.apply(graph)).toBe(graph)
    const tables = built((builder, x) => {
      const filled = (value: number) => ConstantOfShape(Shape(x), { value: inlineConstant('float32', [1], Float32Array.of(value)) })
      builder.output('y', Add(Add(filled(1), filled(0)), Add(filled(1), filled(-0))))
    })
    expect(opsOf(verify(share.apply(tables)))).toEqual(['Shape', 'ConstantOfShape', 'ConstantOfShape', 'Add', 'ConstantOfShape', 'Add', 'Add'])
  })

  it('merges constants that are one object, lie in one place of a file, or are small and equal', () => {
    const lying = (offset: number): Constant => ({ ...lazyConstant('float32', [4], async () => new Uint8Array(16)), file: { path: '/weights', offset } })
    const lazy = lazyConstant('float32', [4], async () => new Uint8Array(16))
    const pairs: [Constant, Constant, boolean][] = [
      [lying(0), lying(0), true],
      [lying(0), lying(16), false],
      [lazy, lazy, true],
      [lazy, lazyConstant('float32', [4], async () => new Uint8Array(16)), false],
      [constantOf(noise([4], 3)), constantOf(noise([4], 3)), true],
      [constantOf(noise([4], 3)), constantOf(noise([4], 4)), false],
      [inlineConstant('float32', [1], new Float32Array(1)), inlineConstant('float32', [], new Float32Array(1)), false],
    ]
    for (const [a, b, same] of pairs) {
      const graph = built((builder, x) => builder.output('y', Add(Add(x, builder.constant(a, 'a')), builder.constant(b, 'b'))))
      const shared = verify(share.apply(graph))
      expect([...shared.constants.keys()]).toEqual(same ? ['a'] : ['a', 'b'])
      expect(shared === graph).toBe(!same)
    }
  })

  it('keeps every output of the graph under its name', () => {
    const graph = built((builder, x) => {
      builder.output('a', Relu(x))
      builder.output('b', Relu(x))
      builder.output('c', Neg(Relu(x)))
      builder.output('k', builder.constant(constantOf(noise([2])), 'k'))
      builder.output('l', builder.constant(constantOf(noise([2])), 'l'))
    })
    const shared = verify(share.apply(graph))
    expect(shared.outputs).toBe(graph.outputs)
    expect(shared.nodes.filter(({ op }) => op === 'Relu').map(({ outputs }) => outputs[0])).toEqual(['a', 'b'])
    expect([...shared.constants.keys()]).toEqual(['k', 'l'])
  })

  it('does not give one node the outputs that only another has', () => {
    const graph = built((builder, x) => {
      const split = (names: (string | undefined)[]) => builder.emitNamed(Split as never, [x], { axis: 1, num_outputs: 2 }, names)
      builder.output('y', Add(split([undefined, ''])[0]!, split(['', undefined])[1]!))
    })
    expect(share.apply(graph)).toBe(graph)
  })

  it('leaves alone what draws random numbers', () => {
    const Noise = defineOp('com.example::Noise', { since: 1, inputs: ['X'], random: true, infer: ([x]) => x })
    const Same = defineOp('com.example::Same', { since: 1, inputs: ['X'], infer: ([x]) => x })
    const builder = new GraphBuilder('example')
    const x = builder.input('x', 'float32', [4])
    builder.output('y', Add(Add(Noise(x), Noise(x)), Add(Same(x), Same(x))))
    expect(opsOf(share.apply(builder.build()))).toEqual(['com.example::Noise', 'com.example::Noise', 'Add', 'com.example::Same', 'Add', 'Add'])
  })

  it('gives the same graph back when nothing is made twice', () => {
    const graph = built((builder, x) => builder.output('y', Identity(Relu(x))))
    expect(share.apply(graph)).toBe(graph)
  })
})
