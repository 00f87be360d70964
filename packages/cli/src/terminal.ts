import type { Writable } from 'node:stream'
import picocolors from 'picocolors'

export type Colors = ReturnType<typeof picocolors.createColors>

/** A stream as `process.stdout` is one; in a test, anything that is written to. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

export type Environment = Readonly<Record<string, string | undefined>>

/** One of the two streams a command writes to, and what it can show. */
export interface Channel {
  readonly colors: Colors
  /** Whether a person watches: lines may be drawn over. */
  readonly interactive: boolean
  /** Columns to fill at most. */
  readonly width: number
  /** Resolves when the text has left, so that a slow reader is waited for. */
  write(text: string): Promise<void>
  /** Writes lines. */
  print(...lines: readonly string[]): Promise<void>
}

/** Lines longer than this are tiring to read. */
const WIDEST = 100

export function channel(stream: OutputStream, env: Environment): Channel {
  const write = (text: string) =>
    new Promise<void>((resolve) => {
      // A reader that has gone is noticed by the stream's error event; whoever writes need not care.
      if (stream.destroyed || stream.writableEnded) return resolve()
      stream.write(text, () => resolve())
    })
  return {
    colors: picocolors.createColors(hasColors(stream, env)),
    interactive: stream.isTTY === true && env['TERM'] !== 'dumb',
    get width() {
      return Math.min(WIDEST, Math.max(40, stream.columns ?? Number(env['COLUMNS'] || WIDEST)))
    },
    write,
    print: (...lines) => write(lines.map((line) => `${line}\n`).join('')),
  }
}

/** https://no-color.org and https://force-color.org; otherwise a terminal has colours and nothing else has. */
function hasColors(stream: OutputStream, env: Environment): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false'
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}
