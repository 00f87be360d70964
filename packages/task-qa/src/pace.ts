import { throwIfAborted } from '@tenon/core'
import { breathe } from './breathe.js'

/** How long timers and sockets wait at most, milliseconds, if loops ask often enough. */
const longest = 4

/** For long loops: `if (pace.due()) await pace.rest()` lets others have their turn, and looks at the signal. */
export class Pace {
  #last = performance.now()
  readonly #signal: AbortSignal | undefined

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  due(): boolean {
    return performance.now() - this.#last > longest
  }

  /** @throws AbortedError */
  async rest(): Promise<void> {
    await breathe()
    throwIfAborted(this.#signal)
    this.#last = performance.now()
  }
}
