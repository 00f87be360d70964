import type { ProgressEvent } from '@tenon/core'

/** Events a second that a terminal or a browser can still draw. */
const interval = 100

/** Passes progress on at most ten times a second, and always the end. */
export function progress(stage: string, unit: string, tell: (event: ProgressEvent) => void): (done: number, total: number) => void {
  let last = 0
  return (done, total) => {
    const now = performance.now()
    if (done < total && now - last < interval) return
    last = now
    tell({ type: 'progress', stage, done, total, unit })
  }
}
