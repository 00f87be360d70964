import { AbortedError, throwIfAborted } from '@tenon/core'

/** Lets a fixed number of tasks run at a time; the others wait in line, and leave it when their signal aborts. */
export class Gate {
  readonly capacity: number
  #inside = 0
  readonly #line = new Set<() => void>()

  constructor(capacity: number) {
    this.capacity = capacity
  }

  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal)
    if (this.#inside >= this.capacity) await this.#wait(signal)
    else this.#inside++
    try {
      return await task()
    } finally {
      // Whoever leaves hands the place over, so that nobody slips in between.
      const [next] = this.#line
      if (next === undefined) this.#inside--
      else next()
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        this.#line.delete(enter)
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#line.delete(enter)
        reject(new AbortedError(signal?.reason))
      }
      this.#line.add(enter)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }
}
