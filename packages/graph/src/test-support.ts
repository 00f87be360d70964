import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allocate, byteLength, elementCount, inlineConstant, tensor, type Constant, type Dimension, type Graph, type HostTensor, type NumericType } from '@tenon/core'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { onTestFinished } from 'vitest'
import { GraphBuilder } from './builder.js'
import type { Value } from './op.js'
import { encodeOnnx } from './onnx/encode.js'
import { lower } from './passes/lower.js'

/** A fresh folder, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-graph-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A tensor from plain numbers. */
export function tensorOf<D extends NumericType>(dtype: D, shape: readonly number[], list: readonly number[]): HostTensor<D> {
  const values = allocate(dtype, elementCount(shape))
  for (const [index, value] of list.entries()) values[index] = dtype === 'int64' ? integer64(value) : value
  return tensor(dtype, shape, values)
}

/** JSON numbers round what is near 2⁶³, "to the end" of a slice. */
const integer64 = (value: number) => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value))

/** The same numbers every time, between -1 and 1. */
export function noise(shape: readonly number[], seed = 1): HostTensor<'float32'> {
  let state = seed * 2654435761
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return state / 2 ** 31
  }
  return tensor('float32', shape, Float32Array.from({ length: elementCount(shape) }, next))
}

export const constantOf = <D extends NumericType>({ dtype, shape, values }: HostTensor<D>): Constant<D> => inlineConstant(dtype, shape, values)

/** A constant that has no bytes: for tests of what only looks at types. */
export const hollow = <D extends NumericType>(dtype: D, shape: readonly number[]): Constant<D> => ({
  dtype,
  shape,
  byteLength: byteLength(dtype, shape),
  bytes: async () => {
    throw new Error('nobody may ask for these bytes')
  },
})

/** An input of a graph under construction; a throw-away one where the test has none. */
export const input = (dtype: Parameters<GraphBuilder['input']>[1], shape: readonly Dimension[], builder = new GraphBuilder('test')): Value => builder.input(`input${counter++}`, dtype, shape)
let counter = 0

type Feeds = Readonly<Record<string, HostTensor>>

/** Runs a graph on ONNX Runtime, which also proves that it accepts what was written. */
export async function run(graph: Graph, feeds: Feeds): Promise<Record<string, { dtype: string; shape: readonly number[]; values: number[] }>> {
  const session = await InferenceSession.create(encodeOnnx(graph), { logSeverityLevel: 4, graphOptimizationLevel: 'disabled' })
  try {
    const fed = Object.entries(feeds).map(([name, { dtype, shape, values }]) => [name, new OrtTensor(dtype as 'float32', values as Float32Array, shape)] as const)
    const results = await session.run(Object.fromEntries(fed))
    return Object.fromEntries(Object.entries(results).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, values: Array.from(data as Float32Array, Number) }]))
  } finally {
    await session.release()
  }
}

/** The graph with the named ops replaced by what they decompose into; every op where none is named. */
export function lowered(graph: Graph, ...ops: string[]): Graph {
  return lower({ name: 'a backend without them', supports: ({ op }) => !ops.includes(op) }).apply(graph)
}

/** The largest difference between two lists, in parts of the second's size where that is above 1; infinite where they do not match at all. */
export function difference(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity
  return expected.reduce((worst, value, index) => {
    const away = Object.is(value, actual[index]) || value === actual[index] ? 0 : Math.abs(value - actual[index]!) / Math.max(1, Math.abs(value))
    return Math.max(worst, Number.isNaN(away) ? Infinity : away)
  }, 0)
}

/**
 * Runs a graph as it is and without its composites, and tells how far the results are apart.
 * The lowered one must not hold the composites any more.
 */
export async function apartWhenLowered(graph: Graph, feeds: Feeds, ...ops: string[]): Promise<number> {
  const simpler = lowered(graph, ...ops)
  const left = simpler.nodes.filter((node) => ops.includes(node.op))
  if (left.length > 0 || simpler === graph) return Infinity
  const [whole, parts] = [await run(graph, feeds), await run(simpler, feeds)]
  return Math.max(...Object.entries(whole).map(([name, { shape, values }]) => (shape.join() === parts[name]?.shape.join() ? difference(parts[name].values, values) : Infinity)))
}
