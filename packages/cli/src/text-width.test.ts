import { describe, expect, it } from 'vitest'
import { padEnd, padStart, textWidth, truncate } from './text-width.js'

describe('the width of a text', () => {
  it.each([
    ['', 0],
    ['oak', 3],
    ['榫卯', 4],
    ['木，竹。', 8],
    ['ﾊﾝ', 2], // half-width katakana
    ['가구', 4],
    ['cafe\u0301', 4], // a combining accent
    ['👨‍👩‍👧', 2], // one family of three joined emoji
    ['❤️', 2], // a text symbol shown as an emoji
    ['a\u200bb', 2], // a zero-width space
    ['\u001b[1moak\u001b[22m', 3],
    ['\u001b]8;;file:///a\u0007oak\u001b]8;;\u0007', 3],
  ])('of %j is %i columns', (text, width) => {
    expect(textWidth(text)).toBe(width)
  })

  it('is what padding fills up', () => {
    expect(padEnd('榫', 4)).toBe('榫  ')
    expect(padStart('榫', 4)).toBe('  榫')
    expect(padEnd('tenon', 2)).toBe('tenon')
  })

  it('is never exceeded by a text that is cut, nor are characters halved', () => {
    expect(truncate('mortise and tenon', 20)).toBe('mortise and tenon')
    expect(truncate('mortise and tenon', 9)).toBe('mortise…')
    expect(truncate('榫头插入卯眼', 6)).toBe('榫头…')
    expect(truncate('👨‍👩‍👧👨‍👩‍👧', 3)).toBe('👨‍👩‍👧…')
    expect(truncate('two\n\n  lines', 20)).toBe('two lines')
  })
})
