/** A signal for work that must show signs of life. */
export interface Watchdog {
  readonly signal: AbortSignal
  /** The timeout that ran out, if one did. */
  readonly expired: number | undefined
  /** Sets how long it may take to the next sign of life, from now on. */
  within(milliseconds: number): void
  /** Sets no time: the work is not what is waited for. */
  rest(): void
  /** Lets go of the signal that it follows. */
  end(): void
}

/** A signal that follows another one, and ends by itself when nothing happens within the time set. */
export function watchdog(signal: AbortSignal): Watchdog {
  const controller = new AbortController()
  const follow = () => controller.abort(signal.reason)
  signal.addEventListener('abort', follow, { once: true })
  let timer: NodeJS.Timeout | undefined
  let expired: number | undefined
  const rest = () => clearTimeout(timer)
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    within(milliseconds) {
      rest()
      timer = setTimeout(() => {
        expired = milliseconds
        controller.abort()
      }, milliseconds)
    },
    rest,
    end() {
      rest()
      signal.removeEventListener('abort', follow)
    },
  }
}
