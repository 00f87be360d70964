import { checkFeeds, DisposedError, InvalidInputError, isHostTensor, tensor, throwIfAborted, type Executable, type HostTensor, type RunOptions, type Tensor, type ValueInfo } from '@tenon/core'

import type { Session } from './binding.js'
import { NativeTensor } from './c-api/native-tensor.js'
import { hostFeeds } from './feeds.js'

/** A session under core's contract, whichever binding made it. */
export class OnnxExecutable implements Executable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** Which inputs are written to. */
  readonly #updated: ReadonlySet<number>
  readonly #session: Session
  readonly #onClose: () => void
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor({ inputs, outputs }: Pick<Executable, 'inputs' | 'outputs'>, updates: readonly (number | undefined)[], session: Session, onClose: () => void) {
    this.inputs = inputs
    this.outputs = outputs.filter((_, index) => updates[index] === undefined)
    this.#updated = new Set(updates.filter((input) => input !== undefined))
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
    for (const index of this.#updated) this.#checkWritable(index, checked)
    const waiting = hostFeeds(checked)
    const ready = waiting instanceof Promise ? await waiting : waiting
    for (const index of this.#updated) this.#checkFedOnce(index, ready)
    const results = await this.#session.run(ready, signal)
    return Object.fromEntries(this.outputs.map(({ name }, index) => [name, results[index] as Tensor]))
  }

  async place({ dtype, shape, values }: HostTensor): Promise<Tensor> {
    if (this.#closing !== undefined) throw new DisposedError({ what: 'executable' })
    return tensor(dtype, [...shape], values.slice())
  }

  #checkWritable(index: number, feeds: readonly Tensor[]): void {
    const feed = feeds[index]!
    if (isHostTensor(feed) || feed instanceof NativeTensor) return
    throw new InvalidInputError({ what: `the feed '${this.inputs[index]!.name}'`, problem: 'is updated by the run, and lives on a device of another backend', remedy: 'feed what place() of this executable gives' })
  }

  #checkFedOnce(index: number, feeds: readonly HostTensor[]): void {
    const { buffer, byteOffset, byteLength } = feeds[index]!.values
    const other = feeds.findIndex(({ values }, at) => at !== index && values.buffer === buffer && values.byteOffset < byteOffset + byteLength && byteOffset < values.byteOffset + values.byteLength)
    if (other === -1) return
    throw new InvalidInputError({ what: `the feed '${this.inputs[index]!.name}'`, problem: `is updated by the run, and its memory is fed as '${this.inputs[other]!.name}' too`, remedy: 'feed tensors with memory of their own' })
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
