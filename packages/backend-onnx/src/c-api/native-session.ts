import { AbortedError, throwIfAborted, type HostTensor, type Tensor } from '@tenon/core'

import type { Session, SessionSettings } from '../binding.js'
import type { PreparedModel } from '../weights/prepare-model.js'
import { out, type Pointer } from './api.js'
import { cStrings, type CStrings } from './c-strings.js'
import type { Environment } from './environment.js'
import { memoryOf, NativeTensor, type OutputMemory } from './native-tensor.js'
import { backendError } from './ort-error.js'
import { createSessionOptions } from './session-options.js'
import { SpareOutputs } from './spare-outputs.js'

export class NativeSession implements Session {
  static async open(environment: Environment, model: PreparedModel, settings: SessionSettings, signal?: AbortSignal): Promise<NativeSession> {
    const { api } = environment.library
    try {
      return await environment.gate.run(async () => {
        throwIfAborted(signal)
        const options = createSessionOptions(environment, settings, model.folder)
        const cancel = () => api.SessionOptionsSetLoadCancellationFlag(options, true)
        signal?.addEventListener('abort', cancel)
        try {
          const place = new BigUint64Array(1)
          await api.CreateSessionFromArray.async(environment.handle, model.bytes, model.bytes.byteLength, options, place)
          const session = new NativeSession(environment, place[0] as Pointer, settings)
          if (signal?.aborted) await session.close()
          throwIfAborted(signal)
          return session
        } catch (error) {
          throwIfAborted(signal)
          throw error
        } finally {
          signal?.removeEventListener('abort', cancel)
          api.ReleaseSessionOptions(options)
        }
      }, signal)
    } catch (error) {
      throw AbortedError.isInstance(error) ? error : backendError('loading a model', error)
    } finally {
      // The library holds its own mappings of the weights by now.
      await model.release()
    }
  }

  readonly #environment: Environment
  readonly #session: Pointer
  readonly #inputs: CStrings
  readonly #outputs: CStrings
  readonly #updates: SessionSettings['updates']
  readonly #updated: ReadonlySet<number | undefined>
  readonly #spare: SpareOutputs

  private constructor(environment: Environment, session: Pointer, { inputs, outputs, updates, sizes }: SessionSettings) {
    this.#environment = environment
    this.#session = session
    this.#inputs = cStrings(environment.library.koffi, inputs)
    this.#outputs = cStrings(environment.library.koffi, outputs)
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
    const values: Pointer[] = [] // released after the run
    const handles = new BigUint64Array(feeds.length)
    // Null handles: ONNX Runtime allocates the outputs, from an arena whose pages are warm. Buffers made here for each
    // run cost 5 to 8 times as much at 64 MB, all of it page faults (docs/decisions/0003). An update goes into its feed.
    const results = new BigUint64Array(this.#outputs.addresses.length)
    signal?.addEventListener('abort', terminate)
    try {
      for (const [index, feed] of feeds.entries()) {
        const isUpdated = this.#updated.has(index)
        const value = isUpdated ? this.#environment.feeds.keep(feed) : this.#environment.feeds.wrap(feed)
        if (!isUpdated) values.push(value)
        handles[index] = value
      }
      const spare = new Map<number, OutputMemory>()
      for (const [output, input] of this.#updates.entries()) {
        const memory = input === undefined ? this.#spare.take(output, feeds) : undefined
        if (memory !== undefined) spare.set(output, memory)
        results[output] = input === undefined ? memory?.holder.value ?? 0n : handles[input]!
      }
      const { addresses } = this.#inputs
      await api.Run.async(this.#session, options, addresses, handles, handles.length, this.#outputs.addresses, results.length, results)
      return Array.from(results.entries())
        .filter(([output]) => this.#updates[output] === undefined)
        .map(([output, value]) => new NativeTensor(spare.get(output) ?? memoryOf(this.#environment.library, value), this.#spare.keeper(output)))
    } catch (error) {
      throwIfAborted(signal)
      throw backendError('running a model', error)
    } finally {
      signal?.removeEventListener('abort', terminate)
      for (const value of values) api.ReleaseValue(value)
      api.ReleaseRunOptions(options)
      keepAlive(feeds, handles)
    }
  }

  async close(): Promise<void> {
    this.#spare.close()
    await this.#environment.library.api.ReleaseSession.async(this.#session)
  }
}

/** What it is given must outlive a native call: a use after the call keeps the garbage collector away. */
function keepAlive(..._values: unknown[]): void {}
