import { checkFeeds, checkUpdatedFeeds, DisposedError, orAborted, tensor, throwIfAborted, type Executable, type Graph, type HostTensor, type RunOptions, type Tensor, type ValueInfo } from '@tenon/core'

import type { Session } from './binding.js'
import { NativeTensor } from './c-api/native-tensor.js'
import { hostFeeds } from './feeds.js'

/** Numbers of the first feed, a prompt's tokens, from which packing weights that were left where they lie takes less than it saves (docs/decisions/0023). */
const PAYS = 1024

interface ExecutableOptions {
  /** Opens a session that computes the same to the bit, and quicker where much is computed. */
  readonly pack?: ((signal: AbortSignal) => Promise<Session>) | undefined
  /** Default: 1024. */
  readonly paysFrom?: number
  onClose(): void
}

/** A session under core's contract, whichever binding made it. */
export class OnnxExecutable implements Executable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly #graph: Pick<Graph, 'inputs' | 'updates'>
  readonly #onClose: () => void
  readonly #running = new Set<Promise<unknown>>()
  readonly #stop = new AbortController()
  readonly #pack: ((signal: AbortSignal) => Promise<Session>) | undefined
  readonly #paysFrom: number
  #session: Session
  /** Of all runs. */
  #fed = 0
  #packing: Promise<void> | undefined
  /** Of the session that was there before, which may have runs under way. */
  #leaving: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor({ inputs, outputs, updates }: Graph, session: Session, { pack, paysFrom = PAYS, onClose }: ExecutableOptions) {
    this.inputs = inputs
    this.outputs = outputs.filter(({ name }) => !updates?.has(name))
    this.#graph = { inputs, ...(updates && { updates }) }
    this.#session = session
    this.#pack = pack
    this.#paysFrom = paysFrom
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
    this.#fed += ready[0]?.values.length ?? 0
    if (this.#pack !== undefined && this.#fed >= this.#paysFrom) await orAborted((this.#packing ??= this.#packed(this.#pack)), signal)
    const results = await this.#session.run(ready, signal)
    return Object.fromEntries(this.outputs.map(({ name }, index) => [name, results[index] as Tensor]))
  }

  /** Runs wait for it, but for those that are under way. Where it fails, the session that there is goes on. */
  async #packed(pack: (signal: AbortSignal) => Promise<Session>): Promise<void> {
    const under = Array.from(this.#running)
    const session = await pack(this.#stop.signal).catch(() => undefined)
    if (session === undefined) return
    const before = this.#session
    this.#session = session
    this.#leaving = Promise.allSettled(under).then(() => before.close())
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
    this.#stop.abort()
    await Promise.allSettled(this.#running)
    await this.#packing
    await this.#leaving
    await this.#session.close()
    this.#onClose()
  }
}
