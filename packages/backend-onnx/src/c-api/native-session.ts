import { AbortedError, throwIfAborted, type HostTensor, type Tensor } from '@tenon/core'

import type { Part, Session, SessionSettings } from '../binding.js'
import type { PreparedModel } from '../weights/prepare-model.js'
import { out, type Pointer } from './api.js'
import { cStrings, type CStrings } from './c-strings.js'
import type { Environment } from './environment.js'
import { memoryOf, NativeTensor, type OutputMemory } from './native-tensor.js'
import { backendError } from './ort-error.js'
import { createSessionOptions } from './session-options.js'
import { SpareOutputs } from './spare-outputs.js'

/** A part that is loaded, and where among the values of a run its inputs and outputs stand. */
interface Stage {
  readonly session: Pointer
  readonly inputs: CStrings
  readonly outputs: CStrings
  readonly reads: readonly number[]
  readonly writes: readonly number[]
}

/** A model in one session of the library, or divided among several, which are run one after another. */
export class NativeSession implements Session {
  static async open(environment: Environment, parts: readonly Part[], settings: SessionSettings, signal?: AbortSignal): Promise<NativeSession> {
    const loading = await Promise.allSettled(parts.map(({ model }) => load(environment, model, settings, signal)))
    const loaded = loading.flatMap((load) => (load.status === 'fulfilled' ? [load.value] : []))
    const failure = loading.find((load) => load.status === 'rejected')
    // The library holds its own mappings of the weights by now.
    await Promise.all(parts.map(({ model }) => model.release()))
    if (failure === undefined && signal?.aborted !== true) return new NativeSession(environment, loaded, parts, settings)
    await Promise.all(loaded.map((session) => environment.library.api.ReleaseSession.async(session)))
    throwIfAborted(signal)
    throw AbortedError.isInstance(failure!.reason) ? failure!.reason : backendError('loading a model', failure!.reason)
  }

  readonly #environment: Environment
  readonly #stages: readonly Stage[]
  /** How many values a run has: the feeds, the outputs, and behind them what goes from part to part. */
  readonly #values: number
  readonly #updates: SessionSettings['updates']
  readonly #updated: ReadonlySet<number | undefined>
  readonly #spare: SpareOutputs

  private constructor(environment: Environment, sessions: readonly Pointer[], parts: readonly Part[], { inputs, outputs, updates, sizes }: SessionSettings) {
    const { koffi } = environment.library
    const places = new Map([...inputs, ...outputs].map((name, place) => [name, place]))
    for (const name of parts.flatMap((part) => part.outputs)) if (!places.has(name)) places.set(name, places.size)
    this.#environment = environment
    this.#stages = parts.map((part, index) => ({
      session: sessions[index]!,
      inputs: cStrings(koffi, part.inputs),
      outputs: cStrings(koffi, part.outputs),
      reads: part.inputs.map((name) => places.get(name)!),
      writes: part.outputs.map((name) => places.get(name)!),
    }))
    this.#values = places.size
    this.#updates = updates
    this.#updated = new Set(updates)
    this.#spare = new SpareOutputs(sizes)
  }

  run(feeds: readonly HostTensor[], signal?: AbortSignal): Promise<Tensor[]> {
    return this.#environment.gate.run(() => this.#run(feeds, signal), signal)
  }

  async #run(feeds: readonly HostTensor[], signal: AbortSignal | undefined): Promise<Tensor[]> {
    throwIfAborted(signal)
    const { api } = this.#environment.library
    const options = out((place) => api.CreateRunOptions(place))
    const terminate = () => api.RunOptionsSetTerminate(options)
    /** Released after the run, whatever becomes of it. */
    const passing: Pointer[] = []
    /** Made by the library, and released where the run fails. */
    const made: Pointer[] = []
    // Null handles: ONNX Runtime allocates the outputs, from an arena whose pages are warm. Buffers made here for each
    // run cost 5 to 8 times as much at 64 MB, all of it page faults (docs/decisions/0003). An update goes into its feed.
    const values = new BigUint64Array(this.#values)
    signal?.addEventListener('abort', terminate)
    try {
      for (const [index, feed] of feeds.entries()) {
        const isUpdated = this.#updated.has(index)
        const value = isUpdated ? this.#environment.feeds.keep(feed) : this.#environment.feeds.wrap(feed)
        if (!isUpdated) passing.push(value)
        values[index] = value
      }
      const spare = new Map<number, OutputMemory>()
      for (const [output, input] of this.#updates.entries()) {
        const memory = input === undefined ? this.#spare.take(output, feeds) : undefined
        if (memory !== undefined) spare.set(output, memory)
        values[feeds.length + output] = input === undefined ? memory?.holder.value ?? 0n : values[input]!
      }
      for (const { session, inputs, outputs, reads, writes } of this.#stages) {
        const fed = BigUint64Array.from(reads, (place) => values[place]!)
        const results = BigUint64Array.from(writes, (place) => values[place]!)
        await api.Run.async(session, options, inputs.addresses, fed, fed.length, outputs.addresses, results.length, results)
        for (const [index, place] of writes.entries()) {
          if (values[place] === 0n) (place < feeds.length + this.#updates.length ? made : passing).push(results[index]!)
          values[place] = results[index]!
        }
      }
      made.length = 0 // tensors' from here on
      return Array.from(this.#updates.keys())
        .filter((output) => this.#updates[output] === undefined)
        .map((output) => new NativeTensor(spare.get(output) ?? memoryOf(this.#environment.library, values[feeds.length + output]!), this.#spare.keeper(output)))
    } catch (error) {
      for (const value of made) api.ReleaseValue(value)
      throwIfAborted(signal)
      throw backendError('running a model', error)
    } finally {
      signal?.removeEventListener('abort', terminate)
      for (const value of passing) api.ReleaseValue(value)
      api.ReleaseRunOptions(options)
      keepAlive(feeds, values)
    }
  }

  async close(): Promise<void> {
    this.#spare.close()
    await Promise.all(this.#stages.map(({ session }) => this.#environment.library.api.ReleaseSession.async(session)))
  }
}

/** @throws OrtError, AbortedError */
function load(environment: Environment, model: PreparedModel, settings: SessionSettings, signal: AbortSignal | undefined): Promise<Pointer> {
  const { api } = environment.library
  return environment.gate.run(async () => {
    throwIfAborted(signal)
    const options = createSessionOptions(environment, settings, model.folder)
    const cancel = () => api.SessionOptionsSetLoadCancellationFlag(options, true)
    signal?.addEventListener('abort', cancel)
    try {
      const place = new BigUint64Array(1)
      await api.CreateSessionFromArray.async(environment.handle, model.bytes, model.bytes.byteLength, options, place)
      return place[0]!
    } catch (error) {
      throwIfAborted(signal)
      throw error
    } finally {
      signal?.removeEventListener('abort', cancel)
      api.ReleaseSessionOptions(options)
    }
  }, signal)
}

/** What it is given must outlive a native call: a use after the call keeps the garbage collector away. */
function keepAlive(..._values: unknown[]): void {}
