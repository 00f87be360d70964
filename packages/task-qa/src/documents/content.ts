import { decodeText } from './decode-text.js'
import type { Content } from './reader.js'

/** Content of a file, decoded when first asked for. */
export function contentOfBytes(source: string, bytes: Uint8Array): Content {
  let text: string | undefined
  return { source, bytes: () => bytes, text: () => (text ??= decodeText(source, bytes)) }
}

/** Content that is in memory as text already. */
export function contentOfText(source: string, text: string): Content {
  return { source, bytes: () => new TextEncoder().encode(text), text: () => text }
}
