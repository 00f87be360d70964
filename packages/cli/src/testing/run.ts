import { Readable, Writable } from 'node:stream'
import type { Surroundings } from '../context.js'
import { main } from '../main.js'
import type { OutputStream } from '../terminal.js'
import { fakeOpen } from './fake-open.js'

/** A stream that keeps what is written to it. */
export function sink({ isTTY = false, columns }: { isTTY?: boolean; columns?: number } = {}): OutputStream & { text(): string } {
  const chunks: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk))
      done()
    },
  })
  return Object.assign(stream, { isTTY, ...(columns !== undefined && { columns }), text: () => chunks.join('') })
}

export interface RunOptions extends Partial<Pick<Surroundings, 'env' | 'signal' | 'open' | 'openDecoder' | 'terminal'>> {
  readonly stdin?: string | Uint8Array
  /** Whether both streams are a terminal's. */
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Runs a command in this process. Without `open` there is no model, but embeddings that count words. */
export async function run(argv: readonly string[], { stdin, isTTY = false, columns = 80, env = {}, signal = new AbortController().signal, open = fakeOpen(), openDecoder, terminal }: RunOptions = {}) {
  const stdout = sink({ isTTY, columns })
  const stderr = sink({ isTTY, columns })
  const code = await main({ argv, stdout, stderr, env, signal, open, ...(openDecoder && { openDecoder }), ...(terminal && { terminal }), ...(stdin !== undefined && { stdin: Readable.from([Buffer.from(stdin)]) }) })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}
