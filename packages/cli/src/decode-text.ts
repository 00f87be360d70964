import { UsageError } from './errors/usage-error.js'

/** Bytes of a file as text: UTF-16 when a byte order mark says so, else UTF-8, and the mark is no part of the text. What is neither becomes �. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes)
}

/** What is piped in, for messages. */
export const PIPED = 'What was piped in'

/**
 * The same of what has to be text.
 * @param name What it is, for messages: a path, or `PIPED`.
 * @param note Hears of bytes that became �.
 * @throws UsageError where there are zero bytes, as in programs, pictures, and UTF-16 without a mark.
 */
export function textOf(bytes: Uint8Array, name: string, note: (message: string) => void): string {
  const text = decodeText(bytes)
  if (text.includes('\0')) throw notText(name)
  if (text.includes('\uFFFD') && !isText(bytes)) note(`${name} is not all UTF-8: the model is shown � for the rest`)
  return text
}

export const notText = (name: string): UsageError => new UsageError({ message: `${name} is no text: it has zero bytes`, remedy: 'Pass code or prose, in UTF-8, or UTF-16 with a byte order mark' })

/** Whether all of them are text, and none became �. */
function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** @param bytes From the beginning of a text. */
export const encodingOf = ([first, second]: Uint8Array) => (first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8')
