import { AbortedError, throwIfAborted } from './errors/aborted-error.js'

/** A thing that others may hold too. */
export interface Lease<T> {
  readonly value: T
  /** The last to release it frees it. */
  release(): Promise<void>
}

interface Entry<T> {
  readonly value: Promise<T>
  readonly controller: AbortController
  users: number
}

/** Things by their key, each made once for all who ask for it while it is in use, and freed with the last of them. */
export class Shared<T extends AsyncDisposable> {
  readonly #entries = new Map<string, Entry<T>>()

  /**
   * The thing of this key, made now unless somebody has it or is making it. A failure is everybody's who waits, and is not kept.
   * @param make Its signal aborts when all who wait have been aborted.
   * @throws AbortedError
   */
  async acquire(key: string, make: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<Lease<T>> {
    throwIfAborted(signal)
    const entry = this.#entries.get(key) ?? this.#begin(key, make)
    entry.users++
    let released: Promise<void> | undefined
    const release = () => (released ??= this.#leave(key, entry))
    try {
      return { value: await untilAborted(entry, signal, release), release }
    } catch (error) {
      await release().catch(() => undefined) // what failed first tells more
      throw error
    }
  }

  #begin(key: string, make: (signal: AbortSignal) => Promise<T>): Entry<T> {
    const controller = new AbortController()
    const entry: Entry<T> = { controller, users: 0, value: (async () => make(controller.signal))() }
    this.#entries.set(key, entry)
    entry.value.catch(() => this.#forget(key, entry))
    return entry
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
  }

  async #leave(key: string, entry: Entry<T>): Promise<void> {
    if (--entry.users > 0) return
    this.#forget(key, entry)
    const value = await entry.value.catch(() => undefined)
    await value?.[Symbol.asyncDispose]()
  }
}

/** Whoever is aborted while others wait goes at once; the last to wait sees the end of the work, so that nothing is left of it. */
async function untilAborted<T>(entry: Entry<T>, signal: AbortSignal | undefined, release: () => Promise<void>): Promise<T> {
  if (signal === undefined) return entry.value
  let stop = () => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      if (entry.users === 1) entry.controller.abort(signal.reason)
      else reject(new AbortedError(signal.reason))
      void release().catch(() => undefined)
    }
  })
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop() // while the work began
  try {
    const value = await Promise.race([entry.value, stopped])
    throwIfAborted(signal)
    return value
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
