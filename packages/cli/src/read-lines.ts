import { addAbortSignal, type Readable } from 'node:stream'

/** The lines of a stream as they come, without their ends, without empty ones and without a byte order mark. */
export async function* readLines(stream: Readable, signal: AbortSignal): AsyncGenerator<string> {
  let rest = ''
  let first = true
  const decoder = new TextDecoder()
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Uint8Array | string>) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
    const lines = rest.split(/\r\n|\n/)
    rest = lines.pop()!
    for (const line of lines) {
      const text = first ? line.replace(/^\uFEFF/, '') : line
      first = false
      if (text.trim() !== '') yield text
    }
  }
  rest += decoder.decode()
  if (rest.trim() !== '') yield rest
}
