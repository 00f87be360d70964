import { DisposedError, throwIfAborted, type Executable, type RunOptions, type Tensor, type ValueInfo } from '@tenon/core'

import type { Session } from './binding.js'
import { checkFeeds, hostFeeds } from './feeds.js'

/** A session under core's contract, whichever binding made it. */
export class OnnxExecutable implements Executable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly #session: Session
  readonly #onClose: () => void
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor({ inputs, outputs }: { inputs: readonly ValueInfo[]; outputs: readonly ValueInfo[] }, session: Session, onClose: () => void) {
    this.inputs = inputs
    this.outputs = outputs
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
    const ready = hostFeeds(checked)
    const results = await this.#session.run(ready instanceof Promise ? await ready : ready, signal)
    return Object.fromEntries(this.outputs.map(({ name }, index) => [name, results[index] as Tensor]))
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
