import { describe, expect, it } from 'vitest'
import { MappedTextBuilder, originalRange, sliceMapped, trimMapped, verbatim } from './mapped-text.js'

/** `Oil &amp; wax` as a person reads it. */
function oilAndWax() {
  const builder = new MappedTextBuilder()
  builder.append('Oil ', 10, 14)
  builder.append('&', 14, 19)
  builder.append(' wax', 19, 23)
  return builder.build()
}

describe('a mapped text', () => {
  it('maps characters one by one where the original is the same', () => {
    expect(originalRange(oilAndWax(), 0, 3)).toEqual({ start: 10, end: 13 })
    expect(originalRange(oilAndWax(), 6, 9)).toEqual({ start: 20, end: 23 })
  })

  it('maps a character reference as a whole', () => {
    expect(originalRange(oilAndWax(), 4, 5)).toEqual({ start: 14, end: 19 })
    expect(originalRange(oilAndWax(), 2, 6)).toEqual({ start: 12, end: 20 })
  })

  it('keeps its places when sliced', () => {
    const slice = sliceMapped(oilAndWax(), 4, 8)
    expect(slice.text).toBe('& wa')
    expect(originalRange(slice, 0, 4)).toEqual({ start: 14, end: 22 })
  })

  it('joins neighbours that are verbatim', () => {
    const builder = new MappedTextBuilder()
    builder.append('to', 3, 5)
    builder.append('', 5, 5)
    builder.append('day', 5, 8)
    expect(builder.build()).toEqual(verbatim('today', 3))
  })

  it('loses only white space when trimmed', () => {
    expect(trimMapped(verbatim(' \n oak ', 5))).toEqual(verbatim('oak', 8))
    expect(trimMapped(verbatim(' ', 0)).text).toBe('')
  })
})
