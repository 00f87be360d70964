import { addAbortSignal, type Readable } from 'node:stream'
import { encodingOf, notText } from './decode-text.js'

/**
 * The lines of a stream as they come, without their ends, without empty ones and without a byte order mark, which says what they
 * are encoded in.
 * @param name What the stream is, for messages.
 * @throws UsageError where it is no text.
 */
export async function* readLines(stream: Readable, signal: AbortSignal, name: string): AsyncGenerator<string> {
  let rest = ''
  for await (const text of decoded(addAbortSignal(signal, stream))) {
    if (text.includes('\0')) throw notText(name)
    rest += text
    const lines = rest.split(/\r\n|\n/)
    rest = lines.pop()!
    yield* lines.filter((line) => line.trim() !== '')
  }
  if (rest.trim() !== '') yield rest
}

async function* decoded(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined
  let first: Uint8Array = new Uint8Array()
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const held = decoder === undefined ? Buffer.concat([first, bytes]) : bytes
    if (decoder === undefined && held.length < 2) {
      first = held // a mark has two bytes at least
      continue
    }
    decoder ??= new TextDecoder(encodingOf(held))
    yield decoder.decode(held, { stream: true })
  }
  yield decoder === undefined ? new TextDecoder().decode(first) : decoder.decode()
}
