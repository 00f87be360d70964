import type { Emit } from '@tenon/core'

/** Milliseconds between two events: more often than a person reads. */
const INTERVAL = 100

export interface DownloadProgress {
  /** Says how many bytes of a file are there. */
  set(file: string, bytes: number): void
  /** Says it a last time. */
  end(): void
}

/** Tells how far the download of several files is, in bytes. */
export function downloadProgress(emit: Emit, stage: string, total: number): DownloadProgress {
  const bytes = new Map<string, number>()
  let last = -Infinity
  const tell = () => emit({ type: 'progress', stage, done: [...bytes.values()].reduce((sum, each) => sum + each, 0), total, unit: 'bytes' })
  return {
    set(file, count) {
      bytes.set(file, count)
      if (performance.now() - last < INTERVAL) return
      last = performance.now()
      tell()
    },
    end: tell,
  }
}
