import { AbortedError, BackendUnavailableError, checkFeeds, DisposedError, InvalidInputError, isHostTensor, tensor, throwIfAborted, UnsupportedOpError, viewAs, type Backend, type Executable, type Graph, type HostTensor, type Node, type Tensor, type TypedArray, type ValueInfo } from '@tenon/core'
import { checkUpdates, type HostArray } from '@tenon/graph'
import { standardOps } from '@tenon/graph/ops'
import { lower } from '@tenon/graph/passes'

/** What a backend can do wrong. */
export type BackendMistake =
  | 'aborts the wait only'
  | 'checks no feeds'
  | 'compiles what it cannot run'
  | 'computes NaN as zero'
  | 'drops outputs that are inputs'
  | 'forgets probe'
  | 'frees feeds'
  | 'gives its inputs as outputs'
  | 'gives its weights as outputs'
  | 'goes on after disposal'
  | 'has no reason'
  | 'ignores a signal that is aborted'
  | 'ignores updates'
  | 'keeps one memory for all outputs'
  | 'keeps the first size'
  | 'lowers nothing'
  | 'places nothing'
  | 'reads whole buffers'
  | 'rounds integers'
  | 'shares state between runs'
  | 'subtracts the wrong way round'
  | 'supports everything'
  | 'supports what it likes'
  | 'swallows weights'
  | 'throws from probe'
  | 'throws plain errors'
  | 'trusts updates'
  | 'writes into feeds'

/** Interprets graphs with what constant folding computes with, in steps between which others run: slow, and right unless told otherwise. */
export function toy(mistake?: BackendMistake, available = true): Backend<'toy', object> {
  const has = (wanted: BackendMistake) => mistake === wanted
  let asked = 0
  const supports = ({ op }: Node, inputs: readonly (ValueInfo | undefined)[]): boolean => {
    if (has('supports everything')) return true
    if (has('supports what it likes')) return op === 'Identity' || asked++ % 2 === 0
    return standardOps.get(op)?.evaluate !== undefined && inputs.every((input) => input === undefined || input.dtype !== 'string')
  }
  const executables = new Set<Executable>()

  async function compile(graph: Graph, _options: object, { signal }: { readonly signal?: AbortSignal }): Promise<Executable> {
    if (!has('ignores a signal that is aborted')) throwIfAborted(signal)
    if (!available) throw new BackendUnavailableError({ backend: 'toy', reason: 'there is no toy', remedy: 'Make one' })
    if (!has('trusts updates')) checkUpdates(graph)
    let lowered = graph
    if (!has('lowers nothing')) {
      try {
        lowered = lower({ name: 'toy', supports: has('supports what it likes') ? ({ op }) => standardOps.get(op)?.evaluate !== undefined : supports }).apply(graph)
      } catch (error) {
        if (!has('compiles what it cannot run')) throw error
      }
    }
    const weights = new Map<string, HostTensor>()
    for (const [name, { dtype, shape, bytes }] of graph.constants) weights.set(name, tensor(dtype, shape, viewAs(dtype, has('swallows weights') ? await bytes().catch(() => new Uint8Array(12)) : await bytes())))
    for (const [name, weight] of lowered.constants) if (!weights.has(name)) weights.set(name, tensor(weight.dtype, weight.shape, viewAs(weight.dtype, await weight.bytes())))
    const updates = has('ignores updates') ? new Map<string, string>() : (graph.updates ?? new Map<string, string>())
    const outputs = graph.outputs.filter(({ name }) => !updates.has(name))
    const kept = new Map<string, TypedArray>()
    let sizes: string | undefined
    let shared = new Map<string, HostTensor>()
    let disposed = false

    const alive = () => {
      if (disposed && !has('goes on after disposal')) throw new DisposedError({ what: 'executable' })
    }

    async function run(feeds: Readonly<Record<string, Tensor>>, running: { readonly signal?: AbortSignal } = {}): Promise<Record<string, Tensor>> {
      alive()
      if (!has('ignores a signal that is aborted')) throwIfAborted(running.signal)
      if (has('throws plain errors') && Object.keys(feeds).length !== graph.inputs.length) throw new Error('bad feeds')
      const checked = has('checks no feeds') ? graph.inputs.map(({ name }) => feeds[name] ?? tensor('float32', [1], Float32Array.of(0))) : checkFeeds(graph.inputs, feeds)
      for (const input of updates.values()) if (!has('trusts updates')) checkUpdated(input, feeds)
      const values = new Map<string, HostTensor>()
      shared = values
      const own = () => (has('shares state between runs') ? shared : values)
      for (const [name, weight] of weights) values.set(name, weight)
      for (const [index, { name }] of graph.inputs.entries()) values.set(name, await hostOf(checked[index]!))
      const now = checked.map(({ shape }) => shape.join()).join(';')
      if (has('keeps the first size') && (sizes ??= now) !== now) throw new Error('its sizes were settled by the first run')
      const work = async () => {
        for (const node of lowered.nodes) {
          await new Promise(setImmediate)
          if (!has('aborts the wait only') && !has('ignores a signal that is aborted')) throwIfAborted(running.signal)
          const made = evaluate(node, node.inputs.map((name) => (name === '' ? undefined : own().get(name)!)))
          own().set(node.outputs[0]!, made)
          const early = has('trusts updates') ? updates.get(node.outputs[0]!) : undefined
          if (early !== undefined) (feeds[early] as HostTensor).values?.set(made.values as never)
        }
      }
      await (has('aborts the wait only') ? afterwards(work(), running.signal) : work())
      for (const [output, input] of updates) (feeds[input] as HostTensor).values?.set(values.get(output)!.values as never)
      const results = Object.fromEntries(outputs.map(({ name }) => [name, given(own().get(name)!, name, own())]))
      if (has('frees feeds')) for (const feed of Object.values(feeds)) (feed as { values?: TypedArray }).values?.fill(0 as never)
      if (has('drops outputs that are inputs')) for (const { op, inputs, outputs: [name = ''] } of lowered.nodes) if (op === 'Identity' && graph.inputs.some((input) => inputs.includes(input.name))) delete results[name]
      return results
    }

    /** What the caller gets: memory of its own, unless this is a backend that saves it. */
    function given(value: HostTensor, name: string, values: ReadonlyMap<string, HostTensor>): HostTensor {
      const source = lowered.nodes.find(({ op, outputs: [made] }) => op === 'Identity' && made === name)?.inputs[0]
      const original = source === undefined ? undefined : values.get(source)
      if (has('gives its inputs as outputs') && source !== undefined && graph.inputs.some((input) => input.name === source)) return original!
      if (has('gives its weights as outputs') && source !== undefined && weights.has(source)) return original!
      if (!has('keeps one memory for all outputs')) return tensor(value.dtype, value.shape, value.values.slice())
      const memory = kept.get(name)?.length === value.values.length ? kept.get(name)! : value.values.slice()
      kept.set(name, memory)
      memory.set(value.values as never)
      return tensor(value.dtype, value.shape, memory as never)
    }

    const executable: Executable = {
      inputs: graph.inputs,
      outputs,
      run,
      async place(placed) {
        alive()
        return has('places nothing') ? placed : tensor(placed.dtype, [...placed.shape], placed.values.slice())
      },
      async [Symbol.asyncDispose]() {
        disposed = true
        executables.delete(executable)
      },
    }
    executables.add(executable)
    return executable
  }

  function evaluate(node: Node, inputs: readonly (HostTensor | undefined)[]): HostTensor {
    const definition = standardOps.get(node.op)
    if (node.op === 'Identity' && inputs[0] !== undefined) {
      const [{ dtype, shape, values }] = inputs as [HostTensor]
      if (!has('rounds integers') || !(values instanceof BigInt64Array)) return tensor(dtype, shape, values.slice())
      return tensor(dtype, shape, values.map((value) => BigInt.asIntN(64, BigInt(Number(value)))))
    }
    const whole = has('reads whole buffers') ? inputs.map((input) => input && ({ ...input, values: new (input.values.constructor as Float32ArrayConstructor)(input.values.buffer as ArrayBuffer).subarray(0, input.values.length) })) : inputs
    const swapped = has('subtracts the wrong way round') && node.op === 'Sub' ? [...whole].reverse() : whole
    const attributes = Object.fromEntries(Object.entries(definition?.attributes ?? {}).flatMap(([name, spec]) => ('default' in spec ? [[name, spec.default]] : [])))
    const made = definition?.evaluate?.(swapped as never, { ...attributes, ...node.attributes } as never) as HostArray | undefined
    if (made === undefined) throw new UnsupportedOpError({ op: node.op, node: node.outputs[0]!, backend: 'toy', reason: 'it is a toy' })
    if (has('writes into feeds') && inputs[0]?.values.length === made.values.length) inputs[0].values.set(made.values as never)
    if (has('computes NaN as zero')) for (const [index, value] of (made.values as Float32Array).entries()) if (Number.isNaN(value)) made.values[index] = 0
    return tensor(made.dtype, made.shape, made.values)
  }

  return {
    kind: 'backend',
    version: 'v1',
    name: 'toy',
    async probe() {
      if (has('throws from probe')) throw new Error('no toy today')
      if (!available) return { available: false, reason: has('has no reason') ? '' : 'there is no toy: make one' }
      return { available: true, devices: has('forgets probe') ? [] : [{ device: 'cpu', available: true }, { device: 'gpu', available: false, reason: 'this is a toy: take another' }] }
    },
    supports,
    compile,
    async dispose() {
      for (const executable of executables) await executable[Symbol.asyncDispose]()
    },
  }
}

/** A host tensor need not come from `tensor()`, which checks lengths. */
const hostOf = async (fed: Tensor): Promise<HostTensor> => tensor(fed.dtype, fed.shape, isHostTensor(fed) ? fed.values : await fed.data())

function checkUpdated(input: string, feeds: Readonly<Record<string, Tensor>>): void {
  const fed = feeds[input]!
  const problem = !isHostTensor(fed) ? 'lives elsewhere' : Object.values(feeds).filter((each) => each === fed).length > 1 ? 'is fed twice' : undefined
  if (problem !== undefined) throw new InvalidInputError({ what: `the feed '${input}'`, problem: `is updated by the run, and ${problem}`, remedy: 'feed what place() gives' })
}

/** Lets go of work that goes on. */
async function afterwards(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  await work
  if (signal?.aborted) throw new AbortedError(signal.reason)
}

