import { createHash } from 'node:crypto'
import type { Reader } from './reader.js'

/** Of the readers here, the splitting into passages and sentences, and the terms. Raised when one of them makes something else of a text. */
const preparation = '1'

/** Tells what passages were made of: the bytes, the reader, and how they were cut. */
export function revisionOf(bytes: Uint8Array, { extensions, version = '' }: Reader, splitting: string): string {
  return createHash('sha256').update(JSON.stringify([preparation, extensions, version, splitting])).update(bytes).digest('base64url')
}
