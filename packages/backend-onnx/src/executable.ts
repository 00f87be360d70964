import { checkFeeds, checkUpdatedFeeds, DisposedError, tensor, throwIfAborted, type Executable, type Graph, type HostTensor, type RunOptions, type Tensor, type ValueInfo } from '@tenon/core'

import type { Session } from './binding.js'
import { NativeTensor } from './c-api/native-tensor.js'
import { hostFeeds } from './feeds.js'

/** A session under core's contract, whichever binding made it. */
export class OnnxExecutable implements Executable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly #graph: Pick<Graph, 'inputs' | 'updates'>
  readonly #session: Session
  readonly #onClose: () => void
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor({ inputs, outputs, updates }: Graph, session: Session, onClose: () => void) {
    this.inputs = inputs
    this.outputs = outputs.filter(({ name }) => !updates?.has(name))
    this.#graph = { inputs, ...(updates && { updates }) }
    this.#session = session
    this.#onClose = onClose
  }

  async run(feeds: Readonly<Record<string, Tensor>>, { signal }: RunOptions = {}): Promise<Record<string, Tensor>> {
    if (this.#closing !== undefined) throw new DisposedError({ what: 'executable' })
    throwIfAborted(signal)
    const run = this.#run(checkFeeds(this.inputs, feeds), signal)
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  async #run(checked: readonly Tensor[], signal: AbortSignal | undefined): Promise<Record<string, Tensor>> {
    checkUpdatedFeeds(this.#graph, checked, (feed) => feed instanceof NativeTensor)
    const waiting = hostFeeds(checked)
    const ready = waiting instanceof Promise ? await waiting : waiting
    if (waiting instanceof Promise) checkUpdatedFeeds(this.#graph, ready) // what lives in native memory shows only now whose it is
    const results = await this.#session.run(ready, signal)
    return Object.fromEntries(this.outputs.map(({ name }, index) => [name, results[index] as Tensor]))
  }

  async place({ dtype, shape, values }: HostTensor): Promise<Tensor> {
    if (this.#closing !== undefined) throw new DisposedError({ what: 'executable' })
    return tensor(dtype, [...shape], values.slice())
  }

  /** Waits for the runs under way, then frees the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running)
    await this.#session.close()
    this.#onClose()
  }
}
