/** Marks a unit of the trie that holds a value: where in the strings the replacement begins. */
const VALUE = 0x8000_0000

/**
 * What is wrong with a sentencepiece character map, in words: base64 of a length, a trie of 32-bit units (a double array,
 * as of darts-clone) and the strings it points to, each ended by a zero. Native code trusts every position in it, and
 * ends the process at one that leads outside.
 */
export function characterMapFault(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'is no text'
  const bytes = Buffer.from(value, 'base64')
  if (bytes.toString('base64') !== value) return 'is no base64'
  const trieLength = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0
  if (trieLength === 0 || trieLength % 4 !== 0 || trieLength > bytes.length - 4) return 'is truncated'
  const strings = bytes.subarray(4 + trieLength)
  if (!isUtf8(strings)) return 'has strings that are no UTF-8'

  const units = trieLength / 4
  const unit = (index: number) => bytes.readUInt32LE(4 + 4 * index)
  for (let index = 0; index < units; index++) {
    const here = unit(index)
    if ((here & VALUE) !== 0) continue // no key goes on from a value
    const next = (index ^ offset(here)) >>> 0
    // The children of a unit stand in the 256 places that differ in the last byte.
    if ((next | 255) >= units) return 'leads out of its trie'
    const hasValue = ((here >>> 8) & 1) === 1
    if (hasValue && !isStart(strings, (unit(next) & (VALUE - 1)) >>> 0)) return 'points into the middle of a character, or past the end'
  }
  return undefined
}

/** How far a unit's children are: 21 bits, or 8 bits more of them in steps of 256. */
const offset = (unit: number) => (unit >>> 10) << ((unit & (1 << 9)) >>> 6)

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Whether a character of the strings begins at a position; the end counts. */
const isStart = (strings: Uint8Array, position: number) => position === strings.length || (position < strings.length && (strings[position]! & 0xc0) !== 0x80)
