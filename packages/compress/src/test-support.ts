import { elementCount, inlineConstant, tensor, type Backend, type Constant, type Graph, type HostTensor, type Pass } from '@tenon/core'
import { GraphBuilder, verify, type Value } from '@tenon/graph'

/** Normally distributed numbers, the same every time: mulberry32, through Box and Muller. */
export function normal(shape: readonly number[], seed = 1): Float32Array {
  let state = seed
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32
  }
  return Float32Array.from({ length: elementCount(shape) }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()))
}

export const weight = (shape: readonly number[], values: Float32Array = normal(shape, 7)): Constant<'float32'> => inlineConstant('float32', shape, values)

/** A constant that counts how often its bytes are asked for. */
export function counted(constant: Constant): Constant & { readonly reads: () => number } {
  const { dtype, shape, byteLength } = constant
  let reads = 0
  return {
    dtype,
    shape,
    byteLength,
    reads: () => reads,
    async bytes() {
      reads++
      return constant.bytes()
    },
  }
}

/** A graph with one float32 input, `x`, and one output, `y`. */
export function graphOf(shape: readonly (number | string)[], make: (x: Value) => Value): Graph {
  const builder = new GraphBuilder('test')
  builder.output('y', make(builder.input('x', 'float32', shape)))
  return builder.build()
}

/** The pass's result, which must be a graph that holds together. */
export const applied = (pass: Pass, graph: Graph): Graph => verify(pass.apply(graph))

export const opsOf = (graph: Graph): readonly string[] => graph.nodes.map(({ op }) => op)

export async function run(backend: Backend<string, object>, graph: Graph, feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, Float32Array>> {
  await using executable = await backend.compile(graph, {}, { emit: () => {} })
  const outputs = await executable.run(feeds)
  const read = await Promise.all(
    Object.entries(outputs).map(async ([name, output]) => {
      using result = output
      return [name, ((await result.data()) as Float32Array).slice()] as const
    }),
  )
  return Object.fromEntries(read)
}

/** The output `y` for the input `x`. */
export async function outputOf(backend: Backend<string, object>, graph: Graph, shape: readonly number[], values: Float32Array): Promise<Float32Array> {
  return (await run(backend, graph, { x: tensor('float32', shape, values) }))['y']!
}

const length = (values: Iterable<number>) => Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0))

/** ‖actual − expected‖ / ‖expected‖ */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity
  return length(actual.map((value, index) => value - expected[index]!)) / length(expected)
}

export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0) / (length(a) * length(b))
}

export const row = (matrix: Float32Array, index: number, columns: number): Float32Array => matrix.subarray(index * columns, (index + 1) * columns)
