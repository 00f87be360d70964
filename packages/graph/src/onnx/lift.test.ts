import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inlineConstant, InvalidFileError, type DataType, type Dimension, type HostTensor } from '@tenon/core'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { constantOf, difference, noise, run, temporaryFolder, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { modelFile, type GivenModel, type GivenNode, type GivenValue } from './test-model-file.js'
import { readOnnx } from './index.js'

async function fileOf(model: GivenModel): Promise<string> {
  const path = join(await temporaryFolder(), 'model.onnx')
  await writeFile(path, modelFile(model))
  return path
}

const read = async (model: GivenModel) => readOnnx(await fileOf(model))

/** What ONNX Runtime makes of a file by itself. */
async function original(path: string, feeds: Readonly<Record<string, HostTensor>>) {
  const session = await InferenceSession.create(path, { logSeverityLevel: 4, graphOptimizationLevel: 'disabled' })
  const fed = Object.entries(feeds).map(([name, { dtype, shape, values }]) => [name, new Tensor(dtype as 'float32', values as Float32Array, shape)] as const)
  const results = await session.run(Object.fromEntries(fed))
  await session.release()
  return Object.fromEntries(Object.entries(results).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, values: Array.from(data as Float32Array, Number) }]))
}

const float = (name: string, ...shape: Dimension[]): GivenValue => ({ name, dtype: 'float32', shape })
const x234 = noise([2, 3, 4], 7)
const int64 = (...values: (number | bigint)[]) => inlineConstant('int64', [values.length], BigInt64Array.from(values, BigInt))
const number = (value: number) => inlineConstant('float32', [], Float32Array.of(value))
const truth = (value: boolean) => inlineConstant('bool', [], Uint8Array.of(Number(value)))

interface OneNode {
  readonly opset: number
  readonly node: Omit<GivenNode, 'inputs' | 'outputs'> & { readonly inputs?: readonly string[]; readonly outputs?: readonly (GivenValue | string)[] }
  readonly constants?: GivenModel['constants']
  readonly x?: HostTensor
  /** Whether the file tells the sizes of x, or names them. */
  readonly sized?: boolean
}

const y = (dtype: DataType, rank: number): GivenValue => ({ name: 'y', dtype, shape: Array.from({ length: rank }, (_, axis) => `y${axis}`) })

/** A model of one node over x. Unless told, its output is y, with as many dimensions as x. */
function modelOf({ opset, node: { inputs = ['x'], outputs = [], ...node }, constants = {}, x = x234, sized = false }: OneNode): GivenModel {
  const made = outputs.length > 0 ? outputs : [y('float32', x.shape.length)]
  return {
    opset,
    constants,
    inputs: [{ name: 'x', dtype: x.dtype, shape: x.shape.map((size, axis) => (sized ? size : `x${axis}`)) }],
    outputs: made.filter((output) => typeof output !== 'string'),
    nodes: [{ ...node, inputs, outputs: made.map((output) => (typeof output === 'string' ? output : output.name)) }],
  }
}

describe('older operator sets and other spellings', () => {
  const parts = (rank = 3): GivenValue[] => ['a', 'b'].map((name) => float(name, ...Array.from({ length: rank }, (_, axis) => `${name}${axis}`)))
  const max = 2n ** 63n - 1n

  it.each<[string, OneNode]>([
    ['Unsqueeze 11', { opset: 11, node: { op: 'Unsqueeze', attributes: { axes: [0, 2] }, outputs: [y('float32', 5)] } }],
    ['Squeeze 11', { opset: 11, x: noise([1, 3, 1]), node: { op: 'Squeeze', attributes: { axes: [0, -1] }, outputs: [y('float32', 1)] } }],
    ['Squeeze 11 of all', { opset: 11, sized: true, x: noise([1, 3, 1]), node: { op: 'Squeeze', outputs: [y('float32', 1)] } }],
    ['ReduceSum 11', { opset: 11, node: { op: 'ReduceSum', attributes: { axes: [-1], keepdims: 0 }, outputs: [y('float32', 2)] } }],
    ['ReduceSum 7 of all', { opset: 7, node: { op: 'ReduceSum' } }],
    ['ReduceMean 17', { opset: 17, node: { op: 'ReduceMean', attributes: { axes: [1] } } }],
    ['ReduceMax 12', { opset: 12, node: { op: 'ReduceMax', attributes: { axes: [0, 2] } } }],
    ['ReduceL2 13', { opset: 13, node: { op: 'ReduceL2', attributes: { axes: [1, 2], keepdims: 0 }, outputs: [y('float32', 1)] } }],
    ['Clip 6', { opset: 6 + 1, node: { op: 'Clip', attributes: { min: { float: -0.25 }, max: { float: 0.5 } } } }],
    ['Clip 10 without a lower bound', { opset: 10, node: { op: 'Clip', attributes: { max: { float: 0.125 } } } }],
    ['Softmax 11, its axis 1', { opset: 11, node: { op: 'Softmax' } }],
    ['Softmax 11 over everything', { opset: 11, node: { op: 'Softmax', attributes: { axis: 0 } } }],
    ['Softmax 12 along the last axis', { opset: 12, node: { op: 'Softmax', attributes: { axis: -1 } } }],
    ['LogSoftmax 9', { opset: 9, node: { op: 'LogSoftmax', attributes: { axis: 1 } } }],
    ['Slice 9', { opset: 9, node: { op: 'Slice', attributes: { starts: [1, -2], ends: [max, max], axes: [1, 2] } } }],
    ['Slice 9 without axes', { opset: 9, node: { op: 'Slice', attributes: { starts: [0, 1], ends: [1, 3] } } }],
    ['Split 11', { opset: 11, node: { op: 'Split', attributes: { axis: 2, split: [1, 3] }, outputs: parts() } }],
    ['Split 11 in halves', { opset: 11, node: { op: 'Split', attributes: { axis: 2 }, outputs: parts() } }],
    ['Split 13 in halves', { opset: 13, node: { op: 'Split', attributes: { axis: -1 }, outputs: parts() } }],
    ['Split 17 with sizes', { opset: 17, node: { op: 'Split', inputs: ['x', 'sizes'], attributes: { axis: 1 }, outputs: parts() }, constants: { sizes: int64(1, 2) } }],
    ['Pad 10', { opset: 10, node: { op: 'Pad', attributes: { pads: [0, 1, 0, 0, 0, 2], value: { float: 0.75 } } } }],
    ['Pad 11', { opset: 11, node: { op: 'Pad', inputs: ['x', 'pads'], attributes: { mode: 'reflect' } }, constants: { pads: int64(0, 1, 0, 0, 0, 2) } }],
    ['Dropout 7', { opset: 7, node: { op: 'Dropout', attributes: { ratio: { float: 0.5 } } } }],
    ['Dropout 13 and its mask', { opset: 13, node: { op: 'Dropout', inputs: ['x', 'ratio', 'training'], outputs: [y('float32', 3), { name: 'mask', dtype: 'bool', shape: ['a', 'b', 'c'] }] }, constants: { ratio: number(0.5), training: truth(false) } }],
    ['TopK 9', { opset: 9, node: { op: 'TopK', attributes: { axis: -1, k: 2 }, outputs: [y('float32', 3), { name: 'places', dtype: 'int64', shape: ['a', 'b', 'c'] }] } }],
    ['TopK 10', { opset: 10, node: { op: 'TopK', inputs: ['x', 'k'], outputs: [y('float32', 3), { name: 'places', dtype: 'int64', shape: ['a', 'b', 'c'] }] }, constants: { k: int64(3) } }],
    ['Scatter 9', { opset: 9, x: noise([3, 2]), node: { op: 'Scatter', inputs: ['x', 'places', 'updates'], attributes: { axis: 0 } }, constants: { places: inlineConstant('int64', [1, 2], BigInt64Array.of(2n, 0n)), updates: constantOf(noise([1, 2], 3)) } }],
    ['CastLike 15', { opset: 15, node: { op: 'CastLike', inputs: ['x', 'like'], outputs: [y('int64', 3)] }, constants: { like: int64(0) } }],
    ['Gelu of com.microsoft', { opset: 14, node: { op: 'com.microsoft::Gelu' } }],
    ['TransposeMatMul', { opset: 14, node: { op: 'com.microsoft::TransposeMatMul', inputs: ['x', 'x'], attributes: { transB: 1, alpha: { float: 0.5 } } } }],
    ['Trilu of com.microsoft', { opset: 14, node: { op: 'com.microsoft::Trilu', attributes: { upper: 0 } } }],
    ['Pad of com.microsoft', { opset: 14, node: { op: 'com.microsoft::Pad', inputs: ['x', 'pads'] }, constants: { pads: int64(0, 1, 0, 0, 0, 2) } }],
    ['QuantizeLinear of com.microsoft', { opset: 14, node: { op: 'com.microsoft::QuantizeLinear', inputs: ['x', 'scale', 'zero'], outputs: [y('uint8', 3)] }, constants: { scale: number(0.01), zero: inlineConstant('uint8', [], Uint8Array.of(128)) } }],
    ['DequantizeLinear of com.microsoft', { opset: 14, x: tensorOf('uint8', [2, 2], [0, 1, 128, 255]), node: { op: 'com.microsoft::DequantizeLinear', inputs: ['x', 'scale', 'zero'], attributes: { axis: 1 } }, constants: { scale: constantOf(noise([2], 2)), zero: inlineConstant('uint8', [2], Uint8Array.of(3, 128)) } }],
    ['RMSNormalization 23', { opset: 23, node: { op: 'RMSNormalization', inputs: ['x', 'scale'], attributes: { epsilon: { float: 0.01 } } }, constants: { scale: constantOf(noise([4], 5)) } }],
    ['Gelu 20 in a file of 22', { opset: 22, node: { op: 'Gelu' } }],
    ['LayerNormalization in a file of 26', { opset: 26 - 1, node: { op: 'LayerNormalization', inputs: ['x', 'scale'] }, constants: { scale: constantOf(noise([4], 5)) } }],
  ])('%s', async (_, each) => {
    const path = await fileOf(modelOf(each))
    const { x = x234 } = each
    const graph = verify(await readOnnx(path))
    const [expected, actual] = [await original(path, { x }), await run(graph, { x })]
    expect(Object.keys(actual)).toEqual(Object.keys(expected))
    for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
      expect({ dtype: actual[name]!.dtype, shape: actual[name]!.shape }).toEqual({ dtype, shape })
      expect(difference(actual[name]!.values, values)).toBeLessThanOrEqual(1e-6)
    }
  })

  it('leaves a mask out that nothing reads', async () => {
    const graph = await read(modelOf({ opset: 13, node: { op: 'Dropout', outputs: [y('float32', 3), 'mask'] } }))
    expect(graph.nodes).toEqual([{ op: 'Identity', inputs: ['x'], outputs: ['y'], attributes: {} }])
  })

  it.each<[string, NonNullable<GivenNode['attributes']>, string, number[]]>([
    ['value', { value: { tensor: inlineConstant('float64', [2], Float64Array.of(1, 2)) } }, 'float64', [2]],
    ['value_int', { value_int: -3 }, 'int64', []],
    ['value_ints', { value_ints: [1, 2, 3] }, 'int64', [3]],
    ['value_float', { value_float: { float: 0.5 } }, 'float32', []],
    ['value_floats', { value_floats: { floats: [0.5, 1.5] } }, 'float32', [2]],
  ])('reads a Constant node with %s as a constant', async (_, attributes, dtype, shape) => {
    const graph = await read({ opset: 13, nodes: [{ op: 'Constant', outputs: ['c'], attributes }, { op: 'Identity', inputs: ['c'], outputs: ['y'] }], outputs: [{ name: 'y', dtype: dtype as DataType, shape }] })
    expect(graph.nodes).toHaveLength(1)
    expect(graph.constants.get('c')).toMatchObject({ dtype, shape })
    verify(graph)
  })

  it('puts nodes in an order in which they can run', async () => {
    const graph = await read({
      opset: 14,
      inputs: [float('x', 3)],
      outputs: [float('y', 3)],
      nodes: [{ op: 'Neg', inputs: ['b'], outputs: ['y'] }, { op: 'Abs', inputs: ['a'], outputs: ['b'] }, { op: 'Relu', inputs: ['x'], outputs: ['a'] }],
    })
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'Abs', 'Neg'])
    verify(graph)
  })

  it('takes inputs that are weights as well for constants', async () => {
    const graph = await read({ opset: 14, inputs: [float('x', 3), float('w', 3)], outputs: [float('y', 3)], nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }], constants: { w: constantOf(noise([3])) } })
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x'])
    expect([...graph.constants.keys()]).toEqual(['w'])
  })

  it('finds types and shapes of outputs that the file leaves out, and keeps names of sizes', async () => {
    const graph = await read({ opset: 14, inputs: [float('x', 'batch', 'past + new')], outputs: [{ name: 'y' }], nodes: [{ op: 'Transpose', inputs: ['x'], outputs: ['y'] }] })
    expect(graph.inputs[0]!.shape).toEqual(['batch', 'new+past'])
    expect(graph.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['new+past', 'batch'] }])
  })

  it('lets sizes meet that the file calls by two names', async () => {
    const graph = await read({ opset: 14, inputs: [float('x', 'a', 3), float('z', 'b', 3)], outputs: [float('y', 'c', 3)], nodes: [{ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }] })
    const feeds = { x: noise([2, 3], 1), z: noise([1, 3], 2) }
    expect((await run(verify(graph), feeds)).y!.shape).toEqual([2, 3])
  })
})

describe('functions', () => {
  const model = (functions: GivenModel['functions'], nodes: readonly GivenNode[]): GivenModel => ({ opset: 15, domains: ['local'], inputs: [float('x', 'n', 4)], outputs: [float('y', 'n', 4)], nodes, ...(functions && { functions }) })

  it('are put in line, attributes, defaults and all', async () => {
    const path = await fileOf(model(
      [
        { op: 'local::Scaled', inputs: ['a', 'b'], outputs: ['c'], nodes: [{ op: 'Softmax', inputs: ['a'], outputs: ['inner'], attributes: { axis: { reference: 'along' } } }, { op: 'Mul', inputs: ['inner', 'b'], outputs: ['c'] }], defaults: { along: 0 } },
        { op: 'local::Twice', inputs: ['a', 'b'], outputs: ['c'], nodes: [{ op: 'local::Scaled', inputs: ['a', 'b'], outputs: ['inner'] }, { op: 'local::Scaled', inputs: ['inner', 'a'], outputs: ['c'], attributes: { along: 1 } }] },
      ],
      [{ op: 'local::Twice', inputs: ['x', 'x'], outputs: ['inner'] }, { op: 'local::Scaled', inputs: ['inner', 'x'], outputs: ['y'], attributes: { along: -1 } }],
    ))
    const feeds = { x: noise([3, 4], 9) }
    const graph = verify(await readOnnx(path))
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Softmax', 'Mul', 'Softmax', 'Mul', 'Softmax', 'Mul'])
    expect(difference((await run(graph, feeds)).y!.values, (await original(path, feeds)).y!.values)).toBe(0)
  })

  it('may hand an input through', async () => {
    const graph = verify(await read(model([{ op: 'local::Same', inputs: ['a', 'b'], outputs: ['b'], nodes: [] }], [{ op: 'local::Same', inputs: ['x', 'x'], outputs: ['y'] }])))
    expect(graph.nodes).toMatchObject([{ op: 'Identity', inputs: ['x'], outputs: ['y'] }])
  })

  it('are refused where they call themselves, and where they would fill the memory', async () => {
    const loop = { op: 'local::F', inputs: ['a'], outputs: ['b'], nodes: [{ op: 'local::F', inputs: ['a'], outputs: ['b'] }] }
    await expect(read(model([loop], [{ op: 'local::F', inputs: ['x'], outputs: ['y'] }]))).rejects.toThrow('more than 64 deep')
    const doubling = Array.from({ length: 40 }, (_, level) => ({
      op: `local::F${level}`,
      inputs: ['a'],
      outputs: ['c'],
      nodes: ['a', 'b'].map((name, index) => ({ op: level === 39 ? 'Neg' : `local::F${level + 1}`, inputs: [name], outputs: [['b', 'c'][index]!] })),
    }))
    await expect(read(model(doubling, [{ op: 'local::F0', inputs: ['x'], outputs: ['y'] }]))).rejects.toThrow('more than 100000 nodes')
  })
})

describe('branches', () => {
  /** y = x + 1 where x has as many rows as columns are named, and -x otherwise. */
  const branching = (shape: readonly Dimension[], compared: string): GivenModel => ({
    opset: 13,
    inputs: [float('x', ...shape)],
    outputs: [float('y', ...shape)],
    constants: { first: int64(0), second: int64(1), three: int64(3) },
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'first'], outputs: ['rows'] },
      { op: 'Gather', inputs: ['shape', 'second'], outputs: ['columns'] },
      { op: 'Equal', inputs: ['rows', compared], outputs: ['same'] },
      { op: 'Not', inputs: ['same'], outputs: ['differs'] },
      {
        op: 'If',
        inputs: ['differs'],
        outputs: ['y'],
        attributes: {
          then_branch: { graph: { nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['r'] }], outputs: [{ name: 'r' }] } },
          else_branch: { graph: { nodes: [{ op: 'Add', inputs: ['x', 'one'], outputs: ['r'] }], outputs: [{ name: 'r' }], constants: { one: number(1) } } },
        },
      },
    ],
  })

  it.each<[string, readonly Dimension[], string, string]>([
    ['equal symbols', ['n', 'n'], 'columns', 'Add'],
    ['equal numbers', [3, 'n'], 'three', 'Add'],
    ['different numbers', [2, 'n'], 'three', 'Neg'],
    ['a symbol and one more', ['n', 'n + 1'], 'columns', 'Neg'],
  ])('are taken where sizes decide: %s', async (_, shape, compared, op) => {
    const graph = verify(await read(branching(shape, compared)))
    expect(graph.nodes.map((node) => node.op)).toContain(op)
    expect(graph.nodes.at(-1)).toMatchObject({ op: 'Identity', outputs: ['y'] })
  })

  it('are refused where only a run decides', async () => {
    await expect(read(branching(['n', 'm'], 'columns'))).rejects.toThrow("uses If (the node that makes 'y'), which is control flow that only a run decides")
  })
})

describe('what is not read', () => {
  const plain = { opset: 14, inputs: [float('x', 3)], outputs: [float('y', 3)] }
  const relu = { op: 'Relu', inputs: ['x'], outputs: ['y'] }

  it.each<[string, GivenModel, string]>([
    ['an operator set before 7', { ...plain, opset: 6, nodes: [relu] }, 'uses operator set 6, and 7 to 26 are read'],
    ['an operator set after 26', { ...plain, opset: 27, nodes: [relu] }, 'uses operator set 27'],
    ['graphs for training', { ...plain, nodes: [relu], training: { nodes: [relu], outputs: [] } }, 'holds graphs for training'],
    ['an unknown operator', { ...plain, nodes: [{ ...relu, op: 'Frobnicate' }] }, "uses Frobnicate (the node that makes 'y'), which is unknown here, as of version 14"],
    ['an operator of an unknown domain', { ...plain, nodes: [{ ...relu, op: 'com.example::Relu' }] }, 'com.example::Relu'],
    ['a loop', { ...plain, nodes: [{ op: 'Loop', inputs: ['x'], outputs: ['y'], attributes: { body: { graph: { nodes: [], outputs: [] } } } }] }, "uses Loop (the node that makes 'y'), which is control flow"],
    ['an unknown attribute', { ...plain, nodes: [{ ...relu, attributes: { slope: 1 } }] }, "has the attribute 'slope'"],
    ['an attribute of the wrong type', { ...plain, nodes: [{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 'last' } }] }, "an attribute 'axis' that is no int"],
    ['a missing weight', { ...plain, nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }] }, "reads 'w', which nothing makes"],
    ['an output that nothing makes', { ...plain, nodes: [{ ...relu, outputs: ['z'] }] }, "has the output 'y', which nothing makes"],
    ['two nodes that make one value', { ...plain, nodes: [relu, relu] }, "makes 'y', and so does another"],
    ['a node that makes an input', { ...plain, nodes: [{ ...relu, outputs: ['x'] }] }, "makes 'x'"],
    ['two inputs of one name', { ...plain, inputs: [float('x', 3), float('x', 3)], nodes: [relu] }, "two inputs named 'x'"],
    ['an input without a shape', { ...plain, inputs: [{ name: 'x', dtype: 'float32' }], nodes: [relu] }, "does not say of what type and shape 'x' is"],
    ['a cycle', { ...plain, nodes: [{ op: 'Add', inputs: ['x', 'b'], outputs: ['a'] }, { op: 'Neg', inputs: ['a'], outputs: ['b'] }, { op: 'Relu', inputs: ['b'], outputs: ['y'] }] }, 'holds a cycle'],
    ['a node that needs itself', { ...plain, nodes: [{ op: 'Add', inputs: ['x', 'y'], outputs: ['y'] }] }, 'holds a cycle'],
    ['dropping at random', { ...plain, nodes: [{ op: 'Dropout', inputs: ['x', '', 'training'], outputs: ['y'] }], constants: { training: truth(true) } }, 'drops at random'],
    ['a Constant of text', { ...plain, nodes: [{ op: 'Constant', outputs: ['c'], attributes: { value_string: 'text' } }, relu] }, 'holds value_string, which is not read'],
    ['rotation in Attention', { ...plain, nodes: [{ op: 'com.microsoft::Attention', inputs: ['x', 'x'], outputs: ['y'], attributes: { num_heads: 1, do_rotary: 1 } }] }, 'has do_rotary 1, which is not read'],
    ['a shape that an adapter needs and nobody knows', { ...plain, opset: 11, inputs: [float('x', 3), { name: 's', dtype: 'int64', shape: ['n'] }], nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['z'] }, { op: 'Softmax', inputs: ['z'], outputs: ['y'] }] }, "is of operator set 11, and cannot be adapted without the shape of 'z'"],
  ])('%s', async (_, model, message) => {
    const failure = await read(model).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InvalidFileError)
    expect((failure as Error).message).toContain(message)
  })
})
