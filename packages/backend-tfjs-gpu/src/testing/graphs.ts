import { inlineConstant, tensor, type Graph, type HostTensor } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { Add, Gather, MatMul, Mul, Softmax } from '@tenon/graph/ops'

/** y = 2 · x */
export function doubling(): Graph {
  const builder = new GraphBuilder('doubling')
  const x = builder.input('x', 'float32', ['n'])
  builder.output('y', Mul(x, builder.constant(inlineConstant('float32', [], Float32Array.of(2)), 'two')))
  return builder.build()
}

/** A table of words, a layer over them and a softmax: what a model has, with a weight of 64 KiB. */
export function model(): Graph {
  const builder = new GraphBuilder('model')
  const ids = builder.input('ids', 'int64', ['batch', 'sequence'])
  const table = builder.constant(inlineConstant('float32', [256, 64], Float32Array.from({ length: 256 * 64 }, (_, index) => Math.sin(index))), 'table')
  const weight = builder.constant(inlineConstant('float32', [64, 64], Float32Array.from({ length: 64 * 64 }, (_, index) => Math.cos(index) / 8)), 'weight')
  const bias = builder.constant(inlineConstant('float32', [64], Float32Array.from({ length: 64 }, (_, index) => index / 64)), 'bias')
  builder.output('probabilities', Softmax(Add(MatMul(Gather(table, ids), weight), bias)))
  return builder.build()
}

export const ids = (...values: number[]): HostTensor<'int64'> => tensor('int64', [1, values.length], BigInt64Array.from(values, BigInt))

export const floats = (...values: number[]): HostTensor<'float32'> => tensor('float32', [values.length], Float32Array.from(values))

/** A chain of matrix products with one node for each: work that lasts, and that can be ended between nodes. */
export function longWork(products: number, size = 256): { readonly graph: Graph; readonly feeds: { readonly x: HostTensor; readonly w: HostTensor } } {
  const builder = new GraphBuilder('long work')
  const [x, w] = [builder.input('x', 'float32', [size, size]), builder.input('w', 'float32', [size, size])]
  builder.output('y', Array.from({ length: products }).reduce<typeof x>((product) => MatMul(product, w), x))
  const identity = Float32Array.from({ length: size * size }, (_, index) => Number(index % (size + 1) === 0))
  return { graph: builder.build(), feeds: { x: tensor('float32', [size, size], new Float32Array(size * size).fill(1)), w: tensor('float32', [size, size], identity) } }
}
