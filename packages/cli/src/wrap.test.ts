import { describe, expect, it } from 'vitest'
import { textWidth } from './text-width.js'
import { wrap } from './wrap.js'

const plain = (text: string) => [{ text, paint: String }]
const marked = (text: string) => `<${text}>`

describe('wrapping', () => {
  it('breaks between words and joins the lines of the source', () => {
    expect(wrap(plain('A tenon fits\na  mortise.'), 10)).toEqual(['A tenon', 'fits a', 'mortise.'])
  })

  it('breaks between Chinese characters, and never before a full stop', () => {
    expect(wrap(plain('榫头插入卯眼。不用铁钉。'), 12)).toEqual(['榫头插入卯', '眼。不用铁', '钉。'])
  })

  it('leaves out the space after full-width punctuation', () => {
    expect(wrap(plain('不用胶。 榫头'), 40)).toEqual(['不用胶。榫头'])
  })

  it('cuts a word that is longer than a line', () => {
    expect(wrap(plain('see /a/very/long/path'), 8)).toEqual(['see', '/a/very/', 'long/pat', 'h'])
  })

  it('paints each run once, across line ends and inside words', () => {
    const spans = [{ text: 'Dry it ', paint: String }, { text: 'for one year', paint: marked }, { text: '.', paint: String }]
    expect(wrap(spans, 12)).toEqual(['Dry it <for>', '<one year>.'])
  })

  it('keeps every line within the width, whatever the script', () => {
    const text = 'Tenons 榫头 fit 卯眼, and カタカナ too: https://example.org/a/long/address?with=everything 😀😀😀 done.'
    for (let width = 4; width < 60; width++) {
      for (const line of wrap(plain(text), width)) expect(textWidth(line)).toBeLessThanOrEqual(width)
    }
  })

  it('gives one empty line for an empty text', () => {
    expect(wrap(plain(''), 10)).toEqual([''])
  })
})
