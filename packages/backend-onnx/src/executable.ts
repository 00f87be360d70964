import { checkFeeds, checkUpdatedFeeds, DisposedError, tensor, throwIfAborted, type Executable, type Graph, type HostTensor, type RunOptions, type Tensor, type ValueInfo } from '@tenon/core'

import type { Session } from './binding.js'
import { NativeTensor } from './c-api/native-tensor.js'
import { hostFeeds } from './feeds.js'

/** Milliseconds of runs after which weights that were left where they lie are packed: about as long as that takes, for what it saves of each run. */
const PAYS = 1000

interface ExecutableOptions {
  /** Opens a session that computes the same to the bit, and quicker. */
  readonly pack?: ((signal: AbortSignal) => Promise<Session>) | undefined
  /** Default: 1000. */
  readonly paysAfter?: number
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
  readonly #paysAfter: number
  #session: Session
  #pack: ((signal: AbortSignal) => Promise<Session>) | undefined
  #packing: Promise<void> | undefined
  #spent = 0
  #closing: Promise<void> | undefined

  constructor({ inputs, outputs, updates }: Graph, session: Session, { pack, paysAfter = PAYS, onClose }: ExecutableOptions) {
    this.inputs = inputs
    this.outputs = outputs.filter(({ name }) => !updates?.has(name))
    this.#graph = { inputs, ...(updates && { updates }) }
    this.#session = session
    this.#pack = pack
    this.#paysAfter = paysAfter
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
    const began = performance.now()
    const results = await this.#session.run(ready, signal)
    this.#packWhereItPays(performance.now() - began)
    return Object.fromEntries(this.outputs.map(({ name }, index) => [name, results[index] as Tensor]))
  }

  /** Beside the runs that follow: they go to the other session once it is there. */
  #packWhereItPays(milliseconds: number): void {
    this.#spent += milliseconds
    if (this.#pack === undefined || this.#spent < this.#paysAfter || this.#closing !== undefined) return
    const packed = this.#pack(this.#stop.signal)
    this.#pack = undefined
    this.#packing = packed.then((session) => this.#change(session), () => undefined) // the one that there is goes on
  }

  async #change(session: Session): Promise<void> {
    const before = this.#session
    this.#session = session
    await Promise.allSettled(this.#running)
    await before.close()
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
    await this.#session.close()
    this.#onClose()
  }
}
