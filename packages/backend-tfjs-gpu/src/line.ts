import { AbortedError, throwIfAborted } from '@tenon/core'

/** One task at a time; the others wait in line, and leave it when their signal aborts. */
export class Line {
  #last: Promise<void> = Promise.resolve()

  async run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal)
    const before = this.#last
    let leave = () => {}
    // Whoever leaves early still keeps its place, until those before it are done.
    this.#last = new Promise<void>((resolve) => (leave = () => void before.then(resolve)))
    try {
      await turn(before, signal)
      return await task()
    } finally {
      leave()
    }
  }
}

function turn(before: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return before
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError(signal.reason))
    signal.addEventListener('abort', abort, { once: true })
    void before.finally(() => signal.removeEventListener('abort', abort)).then(resolve)
  })
}
