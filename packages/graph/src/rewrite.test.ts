import { inlineConstant, InvalidGraphError, TypeMismatchError, UnsupportedOpError, type Attribute, type Graph, type Node } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { integers } from './literals.js'
import { defineOp } from './op.js'
import { Add, Cast, Concat, Gelu, Neg, Relu, Reshape, Shape, Softmax, standardOps } from './ops/index.js'
import { foldConstants, lower } from './passes/index.js'
import { extend, inferTypes, rewrite } from './rewrite.js'
import { hollow, run, tensorOf } from './test-support.js'
import { verify } from './verify.js'

/** softmax(x + weight) */
function example(): Graph {
  const builder = new GraphBuilder('example')
  const x = builder.input('x', 'float32', ['batch', 4])
  builder.output('y', Softmax(Add(x, builder.constant(inlineConstant('float32', [4], Float32Array.of(1, 2, 3, 4)), 'weight'))))
  return builder.build()
}

const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: Record<string, Attribute> = {}): Node => ({ op, inputs, outputs, attributes })
const graphOf = (nodes: readonly Node[], more: Partial<Graph> = {}): Graph => ({
  name: 'wrong',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 4] }],
  nodes,
  constants: new Map(),
  ...more,
})

function errorOf(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

describe('verify', () => {
  it('returns the graph it was given', () => {
    const graph = example()
    expect(verify(graph)).toBe(graph)
  })

  it('takes symbols that were declared under other names', () => {
    const graph = graphOf([node('Relu', ['x'], ['y'])], { outputs: [{ name: 'y', dtype: 'float32', shape: ['rows', 4] }] })
    expect(verify(graph)).toBe(graph)
  })

  it.each<[string, Graph, string]>([
    ['an unknown op', graphOf([node('Frobnicate', ['x'], ['y'])]), 'Frobnicate is unknown'],
    ['an op of Object.prototype', graphOf([node('constructor', ['x'], ['y'])]), 'constructor is unknown'],
    ['nodes in the wrong order', graphOf([node('Relu', ['h'], ['y']), node('Neg', ['x'], ['h'])]), "reads 'h', which nothing before it makes"],
    ['a cycle', graphOf([node('Add', ['x', 'y'], ['h']), node('Neg', ['h'], ['y'])]), "reads 'y'"],
    ['a missing constant', graphOf([node('Add', ['x', 'weight'], ['y'])]), "reads 'weight'"],
    ['an output that nothing makes', graphOf([]), "the output list reads 'y'"],
    ['two values of one name', graphOf([node('Relu', ['x'], ['y']), node('Neg', ['x'], ['y'])]), "two values are named 'y'"],
    ['one name twice in a node', graphOf([node('LayerNormalization', ['x', 's'], ['y', 'y'])], { constants: new Map([['s', hollow('float32', [4])]]) }), "two values are named 'y'"],
    ['a constant with the name of an input', graphOf([node('Relu', ['x'], ['y'])], { constants: new Map([['x', hollow('float32', [4])]]) }), "two values are named 'x'"],
    ['two outputs of one name', graphOf([node('Relu', ['x'], ['y'])], { outputs: [0, 1].map(() => ({ name: 'y', dtype: 'float32', shape: ['batch', 4] })) }), "two outputs are named 'y'"],
    ['an unknown attribute', graphOf([node('Softmax', ['x'], ['y'], { axes: 1 })]), "has no attribute 'axes'"],
    ['an attribute of another type', graphOf([node('Softmax', ['x'], ['y'], { axis: '1' })]), "takes int as 'axis'"],
    ['an unknown element type', graphOf([node('Cast', ['x'], ['y'], { to: 'float31' })]), "takes dtype as 'to'"],
    ['a missing attribute', graphOf([node('Cast', ['x'], ['y'])]), "lacks its attribute 'to'"],
    ['a missing input', graphOf([node('Add', ['x', ''], ['y'])]), "lacks its input 'B'"],
    ['too many inputs', graphOf([node('Relu', ['x', 'x'], ['y'])]), 'takes at most 1 inputs'],
    ['too many outputs', graphOf([node('Relu', ['x'], ['y', 'z'])]), 'has no output 1'],
    ['an output of another type', graphOf([node('Relu', ['x'], ['y'])], { outputs: [{ name: 'y', dtype: 'int64', shape: ['batch', 4] }] }), 'is declared int64 and is float32'],
    ['an output of another shape', graphOf([node('Relu', ['x'], ['y'])], { outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 5] }] }), 'is declared [batch, 5]'],
    ['an output of another rank', graphOf([node('Relu', ['x'], ['y'])], { outputs: [{ name: 'y', dtype: 'float32', shape: [4] }] }), 'is declared [4]'],
  ])('refuses %s', (_, graph, words) => {
    expect(() => verify(graph)).toThrow(InvalidGraphError)
    expect(() => verify(graph)).toThrow(words)
    // A pass meets the same graphs: it must not fail in another way, nor hide the mistake by folding it.
    for (const pass of [foldConstants(), lower({ name: 'none', supports: () => false })]) {
      expect(errorOf(() => pass.apply(graph))).toSatisfy((error) => error === undefined || error instanceof InvalidGraphError || error instanceof UnsupportedOpError)
    }
  })

  it('refuses types that do not fit', () => {
    const graph = graphOf([node('Add', ['x', 'n'], ['y'])], { constants: new Map([['n', hollow('int64', [4])]]) })
    expect(() => verify(graph)).toThrow(TypeMismatchError)
  })
})

describe('rewrite', () => {
  it('returns the same object where nothing changed', () => {
    const graph = example()
    expect(rewrite(graph, () => undefined)).toBe(graph)
  })

  it('puts other nodes in a node’s place, keeping the names of the rest', () => {
    const graph = example()
    const changed = verify(rewrite(graph, ({ node: { op }, inputs }) => (op === 'Softmax' ? Neg(Relu(inputs[0]!)) : undefined)))
    expect(changed.nodes.map(({ op }) => op)).toEqual(['Add', 'Relu', 'Neg'])
    expect(changed.nodes[0]).toEqual(graph.nodes[0])
    expect(changed.outputs).toEqual(graph.outputs)
    expect(graph.nodes).toHaveLength(2)
  })

  it('drops a node that is replaced by its input', () => {
    const changed = verify(rewrite(example(), ({ inputs }) => inputs[0]))
    expect(changed.nodes).toEqual([{ op: 'Identity', inputs: ['x'], outputs: ['y'], attributes: {} }])
    expect(changed.constants.size).toBe(0)
  })

  it('wants a value for each output that is used', () => {
    expect(() => rewrite(example(), () => [])).toThrow(InvalidGraphError)
  })

  it('does not give new values names that come later', () => {
    const graph = graphOf([node('Relu', ['x'], ['a']), node('Neg', ['a'], ['Neg_0']), node('Add', ['a', 'Neg_0'], ['y'])])
    const changed = verify(rewrite(graph, ({ node: { op }, inputs }) => (op === 'Relu' ? Neg(inputs[0]!) : undefined)))
    expect(changed.nodes.map(({ op }) => op)).toEqual(['Neg', 'Neg', 'Add'])
  })

  it('tells the types of all values', () => {
    const types = inferTypes(example())
    expect([...types.keys()]).toEqual(['x', 'weight', 'Add_0', 'y'])
    expect(types.get('Add_0')!.shape).toEqual(['batch', 4])
  })

  it('remembers the types of what was built, and verifies without believing them', () => {
    const graph = example()
    ;(graph.constants as Map<string, unknown>).set('weight', inlineConstant('float32', [5], new Float32Array(5)))
    expect(inferTypes(graph).get('y')!.shape).toEqual(['batch', 4])
    expect(() => verify(graph)).toThrow('5')
  })

  it('infers anew only what reads a value of another type', () => {
    let inferred = 0
    const Counted = defineOp('org.example::Counted', { since: 1, inputs: ['X'], infer: ([x]) => (inferred++, x) })
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 4])
    builder.output('y', Counted(Relu(x)))
    const graph = builder.build()
    expect(inferred).toBe(1)
    rewrite(graph, ({ node: { op }, inputs }) => (op === 'Relu' ? Neg(inputs[0]!) : undefined))
    expect(inferred).toBe(1)
    const wider = rewrite(graph, ({ node: { op }, inputs }) => (op === 'Relu' ? Concat([inputs[0]!, inputs[0]!], { axis: 1 }) : undefined))
    expect(inferred).toBe(2)
    expect(wider.outputs[0]!.shape).toEqual(['batch', 8])
  })

  it('opens a graph for growing', async () => {
    const { builder, values } = extend(example())
    builder.output('negated', Neg(values.get('y')!))
    const grown = verify(builder.build())
    const { negated } = await run(grown, { x: tensorOf('float32', [1, 4], [3, 2, 1, 0]) })
    expect(negated!.values).toEqual([-0.25, -0.25, -0.25, -0.25])
  })
})

describe('lower', () => {
  const without = (...ops: string[]) => ({ name: 'small', supports: ({ op }: { readonly op: string }) => !ops.includes(op) })

  it('returns the same object where everything is supported', () => {
    const graph = example()
    expect(lower(without()).apply(graph)).toBe(graph)
  })

  it('lowers until only supported ops are left', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 4])
    builder.output('y', Softmax(Gelu(x)))
    const lowered = verify(lower(without('Softmax', 'Gelu')).apply(builder.build()))
    expect(lowered.nodes.map(({ op }) => op)).not.toContain('Softmax')
    expect(lowered.nodes.map(({ op }) => op)).toContain('Erf')
    expect(lowered.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['batch', 4] }])
  })

  it('names op, node and backend where there is no way down', () => {
    const apply = () => lower(without('Add')).apply(example())
    expect(apply).toThrow(UnsupportedOpError)
    expect(apply).toThrow("The backend 'small' cannot run Add (the node that makes 'Add_0')")
    expect(() => lower(without('Softmax', 'Exp')).apply(example())).toThrow('cannot run Exp')
  })
})

describe('foldConstants', () => {
  const fold = (graph: Graph) => verify(foldConstants().apply(graph))

  it('returns the same object where nothing can be known', () => {
    const graph = example()
    expect(foldConstants().apply(graph)).toBe(graph)
    const folded = fold(foldable())
    expect(foldConstants().apply(folded)).toBe(folded)
  })

  /** y = x + (cast([1, 2]) + [0.5, 0.5]) */
  function foldable(): Graph {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['batch', 2])
    const halves = builder.constant(inlineConstant('float32', [2], Float32Array.of(0.5, 0.5)), 'halves')
    builder.output('y', Add(x, Add(Cast(integers(x, [1, 2]), { to: 'float32' }), halves)))
    return builder.build()
  }

  it('computes what depends on constants alone', async () => {
    const graph = fold(foldable())
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Add'])
    expect([...graph.constants.values()].map(({ inline }) => new Float32Array(inline!.buffer.slice(inline!.byteOffset, inline!.byteOffset + 8)))).toEqual([Float32Array.of(1.5, 2.5)])
    const feeds = { x: tensorOf('float32', [1, 2], [1, 1]) }
    expect(await run(graph, feeds)).toEqual(await run(foldable(), feeds))
  })

  it('computes sizes that are numbers, however they come about', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2, 3, 'batch'])
    const y = Reshape(x, Concat([integers(x, [-1]), Shape(x, { end: 2 })], { axis: 0 }))
    builder.output('y', y)
    const graph = fold(builder.build())
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Reshape'])
    expect(graph.outputs[0]!.shape).toEqual(['batch', 2, 3])
  })

  it('leaves sizes that a run decides', () => {
    const builder = new GraphBuilder('test')
    builder.output('y', Shape(builder.input('x', 'float32', ['batch', 3])))
    const graph = builder.build()
    expect(foldConstants().apply(graph)).toBe(graph)
  })

  it('folds an output, which then is a constant', async () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', [2, 3])
    builder.output('y', Shape(x))
    const graph = fold(builder.build())
    expect((await run(graph, { x: tensorOf('float32', [2, 3], [0, 0, 0, 0, 0, 0]) })).y!.values).toEqual([2, 3])
  })

  it('leaves weights where they lie', () => {
    const builder = new GraphBuilder('test')
    builder.output('y', Neg(builder.constant(hollow('float32', [2]), 'weight')))
    const graph = builder.build()
    expect(foldConstants().apply(graph)).toBe(graph)
  })

  it('does not swell a graph, nor compute what it would not keep', () => {
    const builder = new GraphBuilder('test')
    const [row, column] = [[1, 16384], [16384, 1]].map((shape) => builder.constant(inlineConstant('float32', shape, new Float32Array(16384))))
    builder.output('y', Add(row!, column!)) // a gigabyte
    const graph = builder.build()
    const began = performance.now()
    expect(foldConstants().apply(graph)).toBe(graph)
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('leaves an error to whoever runs it', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'int64', [1])
    const zero = integers(x, [0])
    builder.output('y', builder.emit(standardOps.get('Div')!, [integers(x, [1]), zero])[0]!)
    const graph = builder.build()
    expect(foldConstants().apply(graph)).toBe(graph)
  })
})
