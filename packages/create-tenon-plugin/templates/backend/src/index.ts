import { checkFeeds, checkUpdatedFeeds, DisposedError, elementCount, isHostTensor, tensor, throwIfAborted, viewAs, type Backend, type CompileContext, type Executable, type Graph, type HostTensor, type Node, type ValueInfo } from '@tenon/core'
import { broadcast, checkUpdates } from '@tenon/graph'
import { foldConstants, lower } from '@tenon/graph/passes'

type Floats = HostTensor<'float32'>
type Kernel = (node: Node, a: Floats, b: Floats) => HostTensor

/** What this backend computes itself. Everything else is decomposed into these where it can be, and refused where it cannot. */
const kernels: Readonly<Record<string, Kernel>> = {
  Identity: (_, { dtype, shape, values }) => tensor(dtype, shape, values.slice()), // outputs belong to whoever ran the graph
  Add: elementwise((x, y) => x + y),
  Mul: elementwise((x, y) => x * y),
  Pow: elementwise((x, y) => x ** y),
  MatMul({ op }, a, b) {
    const [rows, inner, columns] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!]
    const [stackA, stackB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)]
    const stack = broadcast(op, stackA, stackB) as number[]
    return floats([...stack, rows, columns], (at) => {
      const [column, row, matrix] = [at % columns, Math.floor(at / columns) % rows, Math.floor(at / columns / rows)]
      const fromA = (placeIn(stackA, stack, matrix) * rows + row) * inner
      const fromB = placeIn(stackB, stack, matrix) * inner * columns + column
      let sum = 0
      for (let i = 0; i < inner; i++) sum += a.values[fromA + i]! * b.values[fromB + i * columns]!
      return sum
    })
  },
  ReduceSum({ attributes }, x, axes?: HostTensor) {
    const listed = Array.from((axes?.values ?? []) as BigInt64Array, (axis) => (Number(axis) + x.shape.length) % x.shape.length)
    const reduced = x.shape.map((_, axis) => (listed.length > 0 ? listed.includes(axis) : !attributes['noop_with_empty_axes']))
    const kept = x.shape.map((size, axis) => (reduced[axis] ? 1 : size))
    const sums = new Float64Array(elementCount(kept))
    x.values.forEach((value, at) => (sums[placeIn(kept, x.shape, at)]! += value))
    return floats(attributes['keepdims'] === 0 ? x.shape.filter((_, axis) => !reduced[axis]) : kept, (at) => sums[at]!)
  },
}

function supports({ op }: Node, inputs: readonly (ValueInfo | undefined)[]): boolean {
  if (op === 'Identity') return inputs[0]?.dtype !== 'string'
  const numbers = op === 'ReduceSum' ? inputs.slice(0, 1) : inputs // the second are its axes
  return Object.hasOwn(kernels, op) && numbers.every((input) => input?.dtype === 'float32' && (op !== 'MatMul' || input.shape.length > 1))
}

/**
 * The backend plugin `'plugin-name'`: interprets graphs in plain JavaScript, in float32.
 * @example
 * const runtime = createRuntime({ plugins: [pluginFunction(), files(), …] })
 */
export function pluginFunction(): Backend<'plugin-name'> {
  return { kind: 'backend', version: 'v1', name: 'plugin-name', probe: async () => ({ available: true, devices: [{ device: 'cpu', available: true }] }), supports, compile }
}

async function compile(graph: Graph, _options: object, { signal }: CompileContext): Promise<Executable> {
  throwIfAborted(signal)
  checkUpdates(graph)
  const { nodes, constants } = foldConstants().apply(lower({ name: 'plugin-name', supports }).apply(graph))
  const weights = await Promise.all(Array.from(constants, async ([name, constant]) => [name, tensor(constant.dtype, constant.shape, viewAs(constant.dtype, await constant.bytes()))] as const))
  const outputs = graph.outputs.filter(({ name }) => !graph.updates?.has(name))
  let disposed = false
  const check = (signal?: AbortSignal) => {
    if (disposed) throw new DisposedError({ what: 'executable' })
    throwIfAborted(signal)
  }
  return {
    inputs: graph.inputs,
    outputs,
    async run(feeds, options = {}) {
      check(options.signal)
      const checked = checkFeeds(graph.inputs, feeds)
      checkUpdatedFeeds(graph, checked)
      const fed = await Promise.all(checked.map(async (feed) => (isHostTensor(feed) ? feed : tensor(feed.dtype, feed.shape, await feed.data()))))
      const values = new Map<string, HostTensor>([...weights, ...fed.map((feed, index) => [graph.inputs[index]!.name, feed] as const)])
      for (const node of nodes) {
        await new Promise(setImmediate) // lets others run, so that an abort can arrive
        check(options.signal)
        const [a, b] = node.inputs.map((name) => values.get(name) as Floats)
        values.set(node.outputs[0]!, kernels[node.op]!(node, a!, b!))
      }
      for (const [output, input] of graph.updates ?? []) values.get(input)!.values.set(values.get(output)!.values as never)
      return Object.fromEntries(outputs.map(({ name }) => [name, values.get(name)!]))
    },
    async place({ dtype, shape, values }) {
      check()
      return tensor(dtype, shape, values.slice())
    },
    [Symbol.asyncDispose]: async () => void (disposed = true),
  }
}

const floats = (shape: readonly number[], valueAt: (at: number) => number): Floats => tensor('float32', shape, Float32Array.from({ length: elementCount(shape) }, (_, at) => valueAt(at)))

function elementwise(compute: (x: number, y: number) => number): Kernel {
  return ({ op }, a, b) => {
    const shape = broadcast(op, a.shape, b.shape) as number[]
    return floats(shape, (at) => compute(a.values[placeIn(a.shape, shape, at)]!, b.values[placeIn(b.shape, shape, at)]!))
  }
}

/** Where the element lies, in a tensor of shape `own`, that broadcasting puts at place `at` of a tensor of `shape`. */
function placeIn(own: readonly number[], shape: readonly number[], at: number): number {
  let [place, stride, rest] = [0, 1, at]
  for (let back = 1; back <= own.length; back++) {
    if (own.at(-back) !== 1) place += (rest % shape.at(-back)!) * stride
    stride *= own.at(-back)!
    rest = Math.floor(rest / shape.at(-back)!)
  }
  return place
}
