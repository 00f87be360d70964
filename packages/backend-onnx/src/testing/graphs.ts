import { inlineConstant, tensor, type Constant, type DataType, type Dimension, type Graph, type HostTensor, type Node, type ValueInfo } from '@tenon/core'

const valueInfo = (dtype: DataType) => ([name, shape]: [string, readonly Dimension[]]): ValueInfo => ({ name, dtype, shape })

/** A graph whose inputs and outputs have one type. */
export function graph(
  { name = 'test', dtype = 'float32', inputs, outputs, constants = {} }: {
    name?: string
    dtype?: DataType
    inputs: Record<string, readonly Dimension[]>
    outputs: Record<string, readonly Dimension[]>
    constants?: Record<string, Constant>
  },
  ...nodes: readonly (readonly [op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Node['attributes']])[]
): Graph {
  return {
    name,
    inputs: Object.entries(inputs).map(valueInfo(dtype)),
    outputs: Object.entries(outputs).map(valueInfo(dtype)),
    nodes: nodes.map(([op, from, to, attributes = {}]) => ({ op, inputs: from, outputs: to, attributes })),
    constants: new Map(Object.entries(constants)),
  }
}

/** y = 2 · x */
export const doubling = graph(
  { name: 'doubling', inputs: { x: ['n'] }, outputs: { y: ['n'] }, constants: { two: inlineConstant('float32', [], Float32Array.of(2)) } },
  ['Mul', ['x', 'two'], ['y']],
)

export const floats = (...values: number[]): HostTensor<'float32'> => tensor('float32', [values.length], Float32Array.from(values))

const size = 768

/** A chain of matrix products with one node for each: work that lasts, and that can be ended between nodes. */
export function longWork(products: number): { graph: Graph; feeds: { x: HostTensor; w: HostTensor } } {
  const value = (index: number) => (index === 0 ? 'x' : index === products ? 'y' : `v${index}`)
  const identity = new Float32Array(size * size)
  for (let index = 0; index < size; index++) identity[index * (size + 1)] = 1
  return {
    graph: graph(
      { name: 'long work', inputs: { x: [size, size], w: [size, size] }, outputs: { y: [size, size] } },
      ...Array.from({ length: products }, (_, index) => ['MatMul', [value(index), 'w'], [value(index + 1)]] as const),
    ),
    feeds: { x: tensor('float32', [size, size], new Float32Array(size * size).fill(1)), w: tensor('float32', [size, size], identity) },
  }
}
