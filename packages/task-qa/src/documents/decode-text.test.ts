import { describe, expect, it } from 'vitest'
import { decodeText } from './decode-text.js'

const bytes = (...values: number[]) => new Uint8Array(values)

describe('decoding a file', () => {
  it('reads UTF-8, with and without a byte order mark', () => {
    expect(decodeText('a', new TextEncoder().encode('榫卯'))).toBe('榫卯')
    expect(decodeText('a', new TextEncoder().encode('\ufeff榫卯'))).toBe('榫卯')
  })

  it('reads UTF-16 when a byte order mark says so', () => {
    expect(decodeText('a', bytes(0xff, 0xfe, 0x61, 0x00, 0x6b, 0x69))).toBe('a楫')
    expect(decodeText('a', bytes(0xfe, 0xff, 0x00, 0x61))).toBe('a')
  })

  it('refuses binary files and other encodings, with the reason', () => {
    expect(() => decodeText('a', bytes(0x7f, 0x45, 0x4c, 0x46, 0x00))).toThrow(expect.objectContaining({ reason: 'is a binary file' }))
    expect(() => decodeText('a', bytes(0x63, 0x61, 0x66, 0xe9))).toThrow(expect.objectContaining({ reason: 'is not UTF-8' }))
  })
})
