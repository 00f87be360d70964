import { checkFeeds, checkUpdatedFeeds, DisposedError, isHostTensor, tensor, throwIfAborted, type Constant, type Executable, type Graph, type HostTensor, type NumericType, type RunOptions, type Tensor, type TypedArray, type ValueInfo } from '@tenon/core'
import { carrierOf, computeTypeOf, fromCarrier, narrow, widen } from './carrier.js'
import type { Device } from './device.js'
import { Held } from './held.js'
import type { Line } from './line.js'
import type { Border, Plan } from './plan.js'
import { runSteps, type Values } from './run.js'
import { TfjsTensor } from './tfjs-tensor.js'
import type { DeviceTensor } from './tensorflow.js'
import { arrayOf, type Weights } from './weights.js'

/** A device, with what all executables on it share. */
export interface Place {
  readonly device: Device
  readonly weights: Weights
  /** One run at a time: they share a thread, and an update must not meet a run that reads what it replaces. */
  readonly line: Line
}

/** A graph, planned, with its weights on the device. */
export class TfjsExecutable implements Executable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly #graph: Pick<Graph, 'inputs' | 'updates'>
  readonly #place: Place
  readonly #plan: Plan
  /** Constants, and what was computed from them alone. */
  readonly #fixed: Values
  readonly #taken: readonly Constant[]
  /** Of the plan's outputs, those that update an input, and which. */
  readonly #updates: ReadonlyMap<Border, number>
  readonly #onClose: () => void
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  private constructor(graph: Graph, place: Place, plan: Plan, fixed: Values, taken: readonly Constant[], onClose: () => void) {
    const updates = new Map(plan.outputs.flatMap((output) => {
      const input = graph.updates?.get(output.name)
      return input === undefined ? [] : [[output, graph.inputs.findIndex(({ name }) => name === input)] as const]
    }))
    this.inputs = graph.inputs
    this.outputs = graph.outputs.filter(({ name }) => !graph.updates?.has(name))
    this.#graph = { inputs: graph.inputs, ...(graph.updates && { updates: graph.updates }) } // not the nodes, which are planned
    this.#place = place
    this.#plan = plan
    this.#fixed = fixed
    this.#taken = taken
    this.#updates = updates
    this.#onClose = onClose
  }

  /** Uploads the weights, and computes what depends on them alone. */
  static async create(graph: Graph, plan: Plan, place: Place, signal: AbortSignal | undefined, onClose: () => void): Promise<TfjsExecutable> {
    const { device, weights, line } = place
    const fixed: Values = Array.from({ length: plan.size }, () => undefined)
    const taken = new Map<number, Constant>()
    try {
      for (const { constant, value, readings } of plan.constants) {
        throwIfAborted(signal)
        if (readings.has('device')) {
          const shared = await weights.take(constant)
          taken.set(value, constant)
          fixed[value] = Held.tensor(computeTypeOf(constant.dtype), device.share(shared))
        } else fixed[value] = Held.array(await arrayOf(constant))
      }
      await line.run(() => runSteps(device, plan.once, fixed, signal), signal)
    } catch (error) {
      free(fixed)
      for (const constant of taken.values()) weights.give(constant)
      throw error
    }
    const [kept, spent] = [[...taken].filter(([value]) => fixed[value] !== undefined), [...taken].filter(([value]) => fixed[value] === undefined)]
    for (const [, constant] of spent) weights.give(constant)
    return new TfjsExecutable(graph, place, plan, fixed, kept.map(([, constant]) => constant), onClose)
  }

  async run(feeds: Readonly<Record<string, Tensor>>, { signal }: RunOptions = {}): Promise<Record<string, Tensor>> {
    if (this.#closing !== undefined) throw new DisposedError({ what: 'executable' })
    throwIfAborted(signal)
    const checked = checkFeeds(this.inputs, feeds)
    checkUpdatedFeeds(this.#graph, checked, (feed) => isOn(feed, this.#place.device))
    const run = this.#run(checked, signal)
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  async #run(feeds: readonly Tensor[], signal: AbortSignal | undefined): Promise<Record<string, Tensor>> {
    const { device, line } = this.#place
    // What lives elsewhere is fetched before the turn comes, so that nobody waits for it.
    const fetched = await Promise.all(feeds.map(async (feed) => (isHostTensor(feed) || isOn(feed, device) ? feed : tensor(feed.dtype, feed.shape, await feed.data()))))
    return line.run(async () => {
      const values = [...this.#fixed]
      try {
        for (const [index, { value, dtype }] of this.#plan.inputs.entries()) if (value >= 0) values[value] = heldOf(fetched[index]!, dtype)
        await runSteps(device, this.#plan.steps, values, signal)
        return await this.#deliver(values, feeds)
      } finally {
        free(values.filter((held, index) => held !== this.#fixed[index]))
      }
    }, signal)
  }

  /** The outputs; and the updates, all of them or none, where they belong. */
  async #deliver(values: Values, feeds: readonly Tensor[]): Promise<Record<string, Tensor>> {
    const { device } = this.#place
    const arrays = await Promise.all(Array.from(this.#updates, async ([{ value, dtype }, input]) => (feeds[input] instanceof TfjsTensor ? undefined : narrow(dtype, await arrayAt(values[value]!, device)))))
    const updates = [...this.#updates]
    const results = this.#plan.outputs.filter((output) => !this.#updates.has(output)).map(({ name, value, dtype }) => [name, tensorOf(values[value]!, dtype, device)] as const)
    for (const [index, [{ value }, input]] of updates.entries()) {
      const feed = feeds[input]!
      if (feed instanceof TfjsTensor) feed.replace(shareOf(values[value]!, device))
      else (feed as HostTensor).values.set(arrays[index] as never)
    }
    return Object.fromEntries(results)
  }

  async place({ dtype, shape, values }: HostTensor): Promise<Tensor> {
    if (this.#closing !== undefined) throw new DisposedError({ what: 'executable' })
    const { device } = this.#place
    const array = widen(dtype, shape, values)
    return carrierOf(array.dtype) === undefined ? tensor(dtype, [...shape], values.slice() as typeof values) : new TfjsTensor(device, dtype, device.uploadCopy(array))
  }

  /** Waits for the runs under way, then frees the weights. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running)
    free(this.#fixed)
    for (const constant of this.#taken) this.#place.weights.give(constant)
    this.#onClose()
  }
}

const isOn = (feed: Tensor, device: Device): feed is TfjsTensor => feed instanceof TfjsTensor && feed.isOn(device)

function heldOf(feed: Tensor, dtype: NumericType): Held {
  if (feed instanceof TfjsTensor) return Held.tensor(computeTypeOf(dtype), feed.share())
  const { shape, values } = feed as HostTensor
  return Held.array(widen(dtype, shape, values))
}

/** A tensor for the caller: where the value is, in memory that nothing else changes. */
function tensorOf(held: Held, dtype: NumericType, device: Device): Tensor {
  return held.array === undefined ? new TfjsTensor(device, dtype, shareOf(held, device)) : tensor(dtype, [...held.shape], narrow(dtype, held.array.values.slice()) as never)
}

const shareOf = (held: Held, device: Device): DeviceTensor => device.share(held.onDevice(device))

async function arrayAt(held: Held, device: Device): Promise<TypedArray> {
  return held.array?.values ?? fromCarrier(held.dtype, await device.read(held.onDevice(device)))
}

function free(values: Values): void {
  for (const held of values) held?.free()
}
