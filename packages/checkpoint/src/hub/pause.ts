import { setTimeout } from 'node:timers/promises'
import { AbortedError, throwIfAborted } from '@tenon/core'

export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>

/** @throws AbortedError */
export const pause: Pause = async (milliseconds, signal) => {
  throwIfAborted(signal)
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {
    throw new AbortedError(signal.reason)
  })
}
