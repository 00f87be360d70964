import { AbortedError, bytesOf, tensor, throwIfAborted, viewAs, type HostTensor, type NumericType, type Tensor, type TypedArray } from '@tenon/core'

import type { Session, SessionSettings } from '../binding.js'
import { backendError } from '../c-api/ort-error.js'
import type { Gate } from '../gate.js'
import type { ThreadSettings } from '../threads.js'
import type { PreparedModel } from '../weights/prepare-model.js'
import { OrtWorker } from './ort-worker.js'
import { sessionOptions } from './session-options.js'

export interface WorkerSettings extends ThreadSettings {
  /** What `require` takes to load onnxruntime-node. */
  readonly entry: string
  /** One run at a time over all sessions: each has threads of its own, and together they must keep to the budget. */
  readonly gate: Gate
}

/** A session of onnxruntime-node in a worker thread of its own. */
export class WorkerSession implements Session {
  static async open(worker: WorkerSettings, model: PreparedModel, settings: SessionSettings, signal?: AbortSignal): Promise<WorkerSession> {
    const session = new WorkerSession(worker, model, settings)
    try {
      await worker.gate.run(() => session.#abortable(() => session.#ready(), signal), signal)
      return session
    } catch (error) {
      await session.close()
      throw AbortedError.isInstance(error) ? error : backendError('loading a model', error)
    }
  }

  readonly #settings: WorkerSettings
  readonly #model: PreparedModel
  readonly #options: object
  readonly #names: SessionSettings
  #worker: Promise<OrtWorker> | undefined
  /** Workers that were left to their native work. */
  readonly #ending = new Set<Promise<void>>()

  private constructor(worker: WorkerSettings, model: PreparedModel, settings: SessionSettings) {
    this.#settings = worker
    this.#model = model
    this.#names = settings
    this.#options = sessionOptions(worker, settings, model.folder)
  }

  async run(feeds: readonly HostTensor[], signal?: AbortSignal): Promise<Tensor[]> {
    try {
      return await this.#settings.gate.run(() => this.#abortable(() => this.#run(feeds), signal), signal)
    } catch (error) {
      throw AbortedError.isInstance(error) ? error : backendError('running a model', error)
    }
  }

  async #run(feeds: readonly HostTensor[]): Promise<Tensor[]> {
    const worker = await this.#ready()
    const { inputs, updates } = this.#names
    const { outputs = [] } = await worker.ask({
      kind: 'run',
      // A typed array is copied with its whole buffer: cut out the part that is meant.
      feeds: Object.fromEntries(feeds.map(({ dtype, shape, values }, index) => [inputs[index], { type: dtype, dims: shape, data: values.slice() }])),
      outputs: this.#names.outputs,
    })
    return outputs.flatMap(({ type, dims, bytes }, output) => {
      const updated = updates[output]
      if (updated === undefined) return [tensor(type as NumericType, dims, viewAs(type as NumericType, bytes))]
      bytesOf(feeds[updated]!.values as TypedArray).set(bytes)
      return []
    })
  }

  /** The worker with the session open in it; a new one after an abort. */
  #ready(): Promise<OrtWorker> {
    this.#worker ??= (async () => {
      const worker = new OrtWorker(this.#settings.entry)
      try {
        await worker.ask({ kind: 'open', bytes: this.#model.bytes, options: this.#options })
        return worker
      } catch (error) {
        this.#worker = undefined
        await worker.end()
        throw error
      }
    })()
    return this.#worker
  }

  /** The package cannot stop a run, so an abort leaves the worker to it and rejects at once. */
  async #abortable<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    throwIfAborted(signal)
    if (signal === undefined) return task()
    const work = task()
    let onAbort: (() => void) | undefined
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => {
        work.catch(() => {})
        this.#abandon()
        reject(new AbortedError(signal.reason))
      }
      signal.addEventListener('abort', onAbort)
    })
    try {
      return await Promise.race([work, aborted])
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
    }
  }

  #abandon(): void {
    const worker = this.#worker
    this.#worker = undefined
    if (worker === undefined) return
    const ending = worker.then((ready) => ready.end(), () => {})
    this.#ending.add(ending)
    void ending.finally(() => this.#ending.delete(ending))
  }

  async close(): Promise<void> {
    this.#abandon()
    await Promise.all(this.#ending)
    await this.#model.release()
  }
}
