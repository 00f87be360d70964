import { elementCount, tensor, type Dimension, type Graph, type HostTensor } from '@tenon/core'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import type { Value } from '../op.js'
import { encodeOnnx } from '../onnx/encode.js'
import { Add, Mul, ReduceSum } from '../ops/index.js'
import { extend } from '../rewrite.js'
import { difference } from '../test-support.js'
import { verify } from '../verify.js'
import { decomposed } from './decomposed.js'
import { gradient } from './gradient.js'
import { isFloat } from './gradients.js'

type Feeds = Readonly<Record<string, HostTensor>>
type Run = (feeds: Feeds) => Promise<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>

/** Opens a graph in ONNX Runtime for many runs. */
async function opened<R>(graph: Graph, graphOptimizationLevel: 'all' | 'disabled', use: (run: Run) => Promise<R>): Promise<R> {
  const session = await InferenceSession.create(encodeOnnx(graph), { logSeverityLevel: 4, intraOpNumThreads: 1, graphOptimizationLevel })
  try {
    return await use(async (feeds) => {
      const fed = graph.inputs.map(({ name }) => [name, new OrtTensor(feeds[name]!.dtype as 'float32', feeds[name]!.values as Float32Array, feeds[name]!.shape)] as const)
      const results = await session.run(Object.fromEntries(fed))
      return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, { shape: dims, values: Array.from(data as Float64Array, Number) }]))
    })
  } finally {
    await session.release()
  }
}

/** Steps of the difference quotient, near the root of the type's precision times what the functions curve. */
const steps = { float64: 1e-5, float32: 1e-2 } as const

/** The same numbers every time, between -1 and 1. */
export function numbers<D extends 'float32' | 'float64'>(dtype: D, shape: readonly number[], seed = 1): HostTensor<D> {
  let state = seed * 2654435761
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return state / 2 ** 31
  }
  const list = Array.from({ length: elementCount(shape) }, next)
  return tensor(dtype, shape, (dtype === 'float64' ? Float64Array.from(list) : Float32Array.from(list)) as never)
}

export interface Differentiable {
  /** What the inputs are fed. Those of floating-point numbers are differentiated. */
  readonly feeds: Feeds
  /** A value of any shape, or several. */
  readonly build: (inputs: Readonly<Record<string, Value>>, builder: GraphBuilder) => Value | readonly Value[]
  /** Dimensions that are declared as numbers however others are, by input; all of them where it is true. */
  readonly fixed?: true | Readonly<Record<string, readonly number[]>>
}

/** How dimensions of inputs are declared: as numbers, as one symbol for each size, or each as a symbol of its own, which at run time may be equal to another, or 1. */
const waysOfDeclaring = ['known sizes', 'symbolic sizes', 'symbols of their own'] as const
type Sizes = (typeof waysOfDeclaring)[number]

function forwardGraph({ feeds, build, fixed }: Differentiable, sizes: Sizes): Graph {
  const declared = (name: string, size: number, axis: number): Dimension => {
    if (sizes === 'known sizes' || fixed === true || fixed?.[name]?.includes(axis)) return size
    return sizes === 'symbolic sizes' ? (size === 1 ? 1 : `n${size}`) : `${name}${axis}`
  }
  const builder = new GraphBuilder('forward', []) // as one that is replayed, which may mix symbols
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { dtype, shape }]) => [name, builder.input(name, dtype, shape.map((size, axis) => declared(name, size, axis)))]))
  const outputs = [build(inputs, builder)].flat() as Value[]
  outputs.forEach((output, index) => builder.output(`y${index}`, output))
  return builder.build()
}

/** With the sum of all outputs' elements, each weighed by its seed, as the output `loss`. */
function withLoss(graph: Graph): Graph {
  const { builder, values } = extend(graph)
  const terms = graph.outputs.map(({ name }) => {
    const y = values.get(name)!
    return ReduceSum(Mul(y, builder.input(`seed.${name}`, y.dtype, y.shape)), undefined, { keepdims: 0 })
  })
  builder.output('loss', terms.reduce((a, b) => Add(a, b)))
  return builder.build()
}

/** Σ outputs · weights of a function, as ONNX Runtime computes it in the simplest operators, which it has for float64 too; and its differences. */
async function differencesOf(given: Differentiable) {
  const graph = forwardGraph(given, 'known sizes')
  const floats = graph.inputs.filter(isFloat)
  const dtype = floats[0]!.dtype as keyof typeof steps
  return opened(decomposed(graph, () => () => true), 'disabled', async (run) => {
    const at = await run(given.feeds)
    const seeds = Object.fromEntries(graph.outputs.map(({ name }, index) => [`seed.${name}`, numbers(dtype, at[name]!.shape, 100 + index)]))
    const total = async (feeds: Feeds) => {
      const made = await run(feeds)
      return graph.outputs.reduce((sum, { name }) => made[name]!.values.reduce((part, value, index) => part + value * Number(seeds[`seed.${name}`]!.values[index]), sum), 0)
    }
    const differences: Record<string, number[]> = {}
    for (const { name } of floats) {
      const feed = given.feeds[name]!
      differences[name] = []
      for (const index of feed.values.keys()) {
        const moved = (by: number) => {
          const values = feed.values.slice() as Float64Array
          values[index]! += by
          return { ...given.feeds, [name]: { ...feed, values } as HostTensor }
        }
        differences[name].push(((await total(moved(steps[dtype]))) - (await total(moved(-steps[dtype])))) / (2 * steps[dtype]))
      }
    }
    return { seeds, differences }
  })
}

/**
 * How far the gradients of a function are from difference quotients, for each way of declaring sizes: the largest difference of an
 * element, in parts of its size where that is above 1.
 */
export async function apartFromDifferences(given: Differentiable): Promise<Partial<Record<Sizes, number>>> {
  const { seeds, differences } = await differencesOf(given)
  const apart: Partial<Record<Sizes, number>> = {}
  for (const sizes of given.fixed === true ? (['known sizes'] as const) : waysOfDeclaring) {
    const back = verify(gradient(withLoss(forwardGraph(given, sizes)), { of: 'loss', withRespectTo: Object.keys(differences) }))
    const slopes = await opened(back, 'all', (run) => run({ ...given.feeds, ...seeds }))
    const each = Object.entries(differences).map(([name, expected]) => (slopes[`gradient.${name}`]!.shape.join() === given.feeds[name]!.shape.join() ? difference(slopes[`gradient.${name}`]!.values, expected) : Infinity))
    apart[sizes] = Math.max(...each)
  }
  return apart
}

/** How far gradients may be from difference quotients: what the quotients themselves lack, and what ONNX Runtime loses where it fuses factors of float64 into attributes, which are float32. */
export const tolerances = { float64: 5e-8, float32: 3e-4 } as const

/** A test for each case. */
export function agreeWithDifferences(cases: Readonly<Record<string, Differentiable>>): void {
  it.each(Object.entries(cases))('%s', async (_, given) => {
    const float = Object.values(given.feeds).find(isFloat)!.dtype as keyof typeof tolerances
    const apart = await apartFromDifferences(given)
    expect(Object.entries(apart).filter(([, worst]) => !(worst < tolerances[float]))).toEqual([])
  })
}
