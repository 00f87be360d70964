import { UnreadableError } from '../errors/unreadable-error.js'

/**
 * Text of a file: UTF-16 when its byte order mark says so, else UTF-8, with or without a mark; the mark is not part
 * of the text.
 * @throws UnreadableError
 */
export function decodeText(source: string, bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  // NUL is legal UTF-8 but no text file holds one, and nearly every binary format does in its first kilobytes.
  if (encoding === 'utf-8' && bytes.subarray(0, 8192).includes(0)) {
    throw new UnreadableError({ source, reason: 'is a binary file', remedy: 'Pass a reader for its format' })
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UnreadableError({ source, reason: `is not ${encoding.toUpperCase()}`, remedy: 'Save it as UTF-8', cause })
  }
}
