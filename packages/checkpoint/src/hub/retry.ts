import { DownloadError } from '@tenon/core'
import { TransientFailure } from './hub-request.js'
import type { Pause } from './pause.js'

/** Requests in a row that may fail. huggingface_hub repeats 5 times, too. */
export const ATTEMPTS = 5

/** First pause, doubled after every failure, and the longest one, in milliseconds. */
const FIRST_PAUSE = 300
const LONGEST_PAUSE = 8000

/** Longest pause that a server may ask for; the hub's limits are counted in windows of 5 minutes. */
const LONGEST_REQUESTED = 300_000

/**
 * Waits before the same request is sent again; the wait is uneven, lest many processes ask in step.
 * @param failures How many requests in a row have failed.
 * @throws the failure's own error when it has failed too often, or the server asks for too long a pause.
 */
export async function beforeRetry(failure: unknown, failures: number, { attempts = ATTEMPTS, pause, signal }: { readonly attempts?: number; readonly pause: Pause; readonly signal: AbortSignal }): Promise<void> {
  if (!(failure instanceof TransientFailure)) throw failure
  const { error, retryAfter } = failure
  if (failures >= attempts) throw error
  if (retryAfter !== undefined && retryAfter > LONGEST_REQUESTED)
    throw new DownloadError({ url: error instanceof DownloadError ? error.url : '', problem: `asks to be left alone for ${Math.ceil(retryAfter / 1000)} s`, remedy: 'Try again after that', cause: error })
  await pause(retryAfter ?? Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * (0.75 + Math.random() / 2), signal)
}

/** Runs work again while it fails in ways that may pass. */
export async function retrying<T>(work: () => Promise<T>, options: Parameters<typeof beforeRetry>[2]): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (failure) {
      await beforeRetry(failure, failures, options)
    }
  }
}
