import { inlineConstant, InvalidGraphError, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { integers, scalar } from './literals.js'
import type { OpDefinition } from './op.js'
import { Add, Concat, MatMul, Mul, Neg, Relu, Softmax, Split } from './ops/index.js'
import { hollow } from './test-support.js'
import { verify } from './verify.js'

/** Whether names fit together: what every built graph must pass. */
const build = (builder: GraphBuilder): Graph => verify(builder.build())
const opsOf = (graph: Graph) => graph.nodes.map(({ op }) => op)

describe('GraphBuilder', () => {
  it('builds plain frozen data', () => {
    const builder = new GraphBuilder('half')
    const x = builder.input('x', 'float32', ['batch', 8])
    builder.output('y', Mul(x, scalar(x, 0.5)))
    builder.output('same', x)
    const graph = build(builder)
    expect(graph).toMatchObject({
      name: 'half',
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 8] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 8] }, { name: 'same' }],
      nodes: [{ op: 'Mul', inputs: ['x', 'constant_0'], outputs: ['y'], attributes: {} }, { op: 'Identity' }],
    })
    const parts = [graph, graph.nodes, graph.inputs, graph.outputs, ...graph.nodes, ...graph.nodes.flatMap(({ inputs, outputs, attributes }) => [inputs, outputs, attributes]), ...graph.inputs, graph.outputs[0]!.shape]
    expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([])
    expect(structuredClone({ ...graph, constants: undefined })).toEqual({ ...graph, constants: undefined })
  })

  it('spells the sizes of inputs one way', () => {
    expect(new GraphBuilder('test').input('x', 'float32', ['past + new', 'b*a']).shape).toEqual(['new+past', 'a*b'])
  })

  it('leaves out what no output depends on', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    const unused = builder.constant(hollow('float32', [2]), 'unused')
    Neg(Add(x, unused))
    builder.output('y', Relu(x))
    const graph = build(builder)
    expect(opsOf(graph)).toEqual(['Relu'])
    expect(graph.constants.size).toBe(0)
    expect(graph.inputs).toHaveLength(1)
  })

  it('keeps nodes in the order in which they can run', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    const first = Neg(x)
    builder.output('b', Relu(first))
    builder.output('a', first)
    expect(build(builder).nodes.map(({ outputs }) => outputs[0])).toEqual(['a', 'b'])
  })

  it('makes what is made later once, when something first reads it, and never where nothing does', () => {
    const builder = new GraphBuilder('later')
    const x = builder.input('x', 'float32', ['rows'])
    const made: string[] = []
    const later = (name: string) =>
      builder.later(x.type, () => {
        made.push(name)
        return Relu(x)
      })
    const [read, given, unread] = [later('read'), later('given'), later('unread')]
    expect([made, unread.shape]).toEqual([[], ['rows']])
    const sum = Add(read, Add(read, x))
    expect(made).toEqual(['read'])
    expect(builder.producerOf(read)?.op).toBe('Relu')
    builder.output('y', sum)
    builder.output('z', given)
    expect(made).toEqual(['read', 'given'])
    const graph = builder.build()
    verify(graph)
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'Add', 'Add', 'Relu'])
  })

  it('adds equal literals once, and different ones not', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [1])
    expect(scalar(x, 1)).toBe(scalar(x, 1))
    expect(scalar(x, 1)).not.toBe(scalar(x, 2))
    expect(integers(x, [1])).not.toBe(builder.constant(inlineConstant('int64', [], BigInt64Array.of(1n))))
    expect(builder.constant(inlineConstant('int32', [1], Int32Array.of(1)))).not.toBe(builder.constant(inlineConstant('uint32', [1], Uint32Array.of(1))))
  })

  it('makes an Identity for outputs that are inputs, constants or other outputs', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    const weight = builder.constant(hollow('float32', [2]), 'weight')
    const y = Relu(x)
    builder.output('input', x)
    builder.output('constant', weight)
    builder.output('first', y)
    builder.output('second', y)
    const graph = build(builder)
    expect(opsOf(graph)).toEqual(['Relu', 'Identity', 'Identity', 'Identity'])
    expect(graph.nodes.map(({ inputs, outputs }) => [...inputs, ...outputs])).toEqual([['x', 'first'], ['x', 'input'], ['weight', 'constant'], ['first', 'second']])
  })

  it('needs no Identity where an input or constant is an output under its own name', () => {
    const builder = new GraphBuilder('test')
    builder.output('x', builder.input('x', 'float32', [2]))
    builder.output('weight', builder.constant(hollow('float32', [2]), 'weight'))
    expect(build(builder).nodes).toEqual([])
  })

  describe('gives outputs their names', () => {
    it('where a value inside has that name', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [2])
      const inner = Relu(x) // Relu_0
      builder.output('Relu_0', Neg(inner))
      expect(build(builder).nodes.map(({ outputs }) => outputs[0])).toEqual(['Relu_0_0', 'Relu_0'])
    })

    it('where two outputs have each other’s names', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [2])
      const [a, b] = [Relu(x), Neg(x)] // Relu_0, Neg_0
      builder.output('Neg_0', a)
      builder.output('Relu_0', b)
      expect(build(builder).nodes).toMatchObject([{ op: 'Relu', outputs: ['Neg_0'] }, { op: 'Neg', outputs: ['Relu_0'] }])
    })

    it('where an output that is an input has the name of a value inside', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [2])
      builder.output('Relu_0', x)
      builder.output('y', Neg(Relu(x)))
      expect(opsOf(build(builder))).toEqual(['Relu', 'Neg', 'Identity'])
    })

    it('where a constant has that name', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [2])
      builder.output('w', Add(x, builder.constant(hollow('float32', [2]), 'w')))
      const graph = build(builder)
      expect(graph.outputs[0]!.name).toBe('w')
      expect(graph.constants.size).toBe(1)
    })

    it('where the way out is the name of another output', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [2])
      const w = builder.constant(hollow('float32', [2]), 'w')
      builder.output('w', Add(x, w))
      builder.output('w_0', Neg(x))
      expect(build(builder).outputs.map(({ name }) => name)).toEqual(['w', 'w_0'])
    })

    it('where an output of a node that nobody uses has that name', () => {
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float32', [4])
      const [first] = builder.emit(Split as unknown as OpDefinition, [x], { num_outputs: 2 }, 2) // Split_0, Split_1
      builder.output('Split_1', Neg(first!))
      expect(opsOf(build(builder))).toEqual(['Split', 'Neg'])
    })

    it('but not that of an input', () => {
      const builder = new GraphBuilder('test')
      builder.output('x', Relu(builder.input('x', 'float32', [2])))
      expect(() => builder.build()).toThrow(InvalidGraphError)
    })
  })

  it('refuses names that are taken or empty', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2])
    expect(() => builder.input('x', 'float32', [2])).toThrow("two values are named 'x'")
    expect(() => builder.constant(hollow('float32', [2]), 'x')).toThrow(InvalidGraphError)
    expect(() => builder.input('', 'float32', [2])).toThrow(InvalidGraphError)
    builder.output('y', x)
    expect(() => builder.output('y', x)).toThrow(InvalidGraphError)
    expect(() => builder.output('', x)).toThrow(InvalidGraphError)
  })

  it('refuses values of another graph', () => {
    const [one, other] = [new GraphBuilder('one'), new GraphBuilder('other')]
    const [x, y] = [one.input('x', 'float32', [2]), other.input('x', 'float32', [2])]
    expect(() => Add(x, y)).toThrow('belongs to another graph')
    expect(() => one.output('y', y)).toThrow(InvalidGraphError)
  })

  it('tells where a call is wrong', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2, 2])
    const call = (op: unknown, inputs: readonly (typeof x | undefined)[], attributes = {}, outputs = 1) => () => builder.emit(op as OpDefinition, inputs, attributes, outputs)
    expect(call(MatMul, [x])).toThrow("MatMul lacks its input 'B'")
    expect(call(MatMul, [x, x, x])).toThrow('takes at most 2 inputs')
    expect(call(Relu, [x], {}, 2)).toThrow('Relu has no output 1')
    expect(call(Concat, [x])).toThrow("lacks its attribute 'axis'")
    expect(call(Concat, [], { axis: 0 })).toThrow('needs at least one input')
    expect(call(Softmax, [x], { axes: 1 })).toThrow("has no attribute 'axes'")
    expect(call(Softmax, [x], { axis: 'last' })).toThrow("takes int as 'axis'")
    expect(call(Softmax, [x], { axis: 0.5 })).toThrow(InvalidGraphError)
    expect(call(Softmax, [x], { constructor: 1 })).toThrow(InvalidGraphError)
  })
})
