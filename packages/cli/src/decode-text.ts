/** Bytes of a file as text: UTF-16 when a byte order mark says so, else UTF-8, and the mark is no part of the text. What is neither becomes �. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes)
}

/** Whether all of them are text, and none became �. */
export function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

const encodingOf = ([first, second]: Uint8Array) => (first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8')
