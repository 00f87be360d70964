import type { Koffi } from './api.js'

/** A `const char* const*`: NUL-terminated strings outside the JavaScript heap's reach of moving, and their addresses. */
export interface CStrings {
  readonly addresses: BigUint64Array
  /** Held so that the strings live as long as their addresses. */
  readonly buffers: readonly Buffer[]
}

export function cStrings(koffi: Koffi, strings: readonly string[]): CStrings {
  const buffers = strings.map((text) => {
    const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text) + 1)
    buffer[buffer.write(text)] = 0
    return buffer
  })
  return { addresses: BigUint64Array.from(buffers, (buffer) => koffi.address(buffer)), buffers }
}
