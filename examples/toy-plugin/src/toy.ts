import { checkFeeds, checkUpdatedFeeds, DisposedError, isHostTensor, tensor, throwIfAborted, viewAs, type Backend, type CompileContext, type Executable, type Graph, type HostTensor, type Node, type ValueInfo } from '@tenon/core'
import { checkUpdates } from '@tenon/graph'
import { foldConstants, lower } from '@tenon/graph/passes'
import { kernels, type Floats } from './kernels.js'

/** The types that each kernel computes with. A row is picked from the first axis only. */
function supports({ op, attributes }: Node, inputs: readonly (ValueInfo | undefined)[]): boolean {
  const [first, ...rest] = inputs
  if (op === 'Identity') return first?.dtype !== 'string'
  if (!Object.hasOwn(kernels, op) || first?.dtype !== 'float32') return false
  if (op === 'Gather') return (attributes['axis'] ?? 0) === 0
  return op === 'ReduceSum' || rest.every((input) => input?.dtype === 'float32')
}

/**
 * The backend plugin `'toy'`: five kernels in plain JavaScript, and Identity, which gives a value a second name. Decompositions
 * do the rest.
 * @example
 * const runtime = createRuntime({ plugins: [toy(), bagOfWords(), alike(), files()] })
 */
export function toy(): Backend<'toy'> {
  return { kind: 'backend', version: 'v1', name: 'toy', probe: async () => ({ available: true, devices: [{ device: 'cpu', available: true }] }), supports, compile }
}

async function compile(graph: Graph, _options: object, { signal, emit }: CompileContext): Promise<Executable> {
  throwIfAborted(signal)
  checkUpdates(graph)
  const { nodes, constants } = foldConstants().apply(lower({ name: 'toy', supports }).apply(graph))
  const weights = await Promise.all(Array.from(constants, async ([name, constant]) => [name, tensor(constant.dtype, constant.shape, viewAs(constant.dtype, await constant.bytes()))] as const))
  emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes: weights.reduce((sum, [, { values }]) => sum + values.byteLength, 0) })
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
    async [Symbol.asyncDispose]() {
      disposed = true
      emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes: 0 })
    },
  }
}
