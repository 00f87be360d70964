import { describe, expect, it } from 'vitest'
import { divide, offsetOf, parsePlace } from './cursor.js'
import { UsageError } from './errors/usage-error.js'

const at = (text: string, place: string) => divide(text, { at: parsePlace(place) })

describe('a place in a text', () => {
  it.each([
    ['an empty text', '', '1:1', '', ''],
    ['the beginning', 'ab\ncd', '1:1', '', 'ab\ncd'],
    ['the end of a line', 'ab\ncd', '1:3', 'ab', '\ncd'],
    ['the end of a line that ends with CRLF', 'ab\r\ncd', '1:3', 'ab', '\r\ncd'],
    ['the line after CRLF', 'ab\r\ncd', '2:1', 'ab\r\n', 'cd'],
    ['the line after CR', 'ab\rcd', '2:2', 'ab\rc', 'd'],
    ['the line behind the last line end', 'ab\n', '2:1', 'ab\n', ''],
    ['the end of the file', 'ab\ncd', '2:3', 'ab\ncd', ''],
    ['tabs, which are one column', '\t\tx', '1:3', '\t\t', 'x'],
    ['emoji, which are two columns', 'a😀b', '1:4', 'a😀', 'b'],
  ])('is %s', (_name, text, place, prefix, suffix) => {
    expect(at(text, place)).toEqual({ prefix, suffix })
  })

  it.each([
    ['past the last line', 'ab\n', '3:1', /There is no line 3: the text has 2.*2:1/],
    ['past the end of a line', 'ab\r\ncd', '1:4', /Line 1 has no column 4.*1:3/],
    ['past the end of the file', '', '1:2', /no column 2.*1:1/],
    ['within a character', 'a😀b', '1:3', /1:3 is within a character.*1:2 or 1:4/],
  ])('is refused %s', (_name, text, place, words) => {
    expect(() => at(text, place)).toThrow(words)
    expect(() => at(text, place)).toThrow(UsageError)
  })

  it.each(['', '1', '1:', ':1', '0:1', '1:0', '1:2:3', '-1:1', 'a:b', '1.5:1'])('is not %j', (text) => {
    expect(() => parsePlace(text)).toThrow(/no place in a file/)
  })

  it('is the one that the columns of answers name', () => {
    expect(offsetOf('x\r\n😀 y\n', { line: 2, column: 4 })).toBe(6)
  })
})

describe('a marker', () => {
  it('stands at the cursor and is no part of the text', () => {
    expect(divide('a<here>b', { marker: '<here>' })).toEqual({ prefix: 'a', suffix: 'b' })
    expect(divide('ab', {})).toEqual({ prefix: 'ab', suffix: '' })
  })

  it.each([['ab', '|', /is not there/], ['a|b|c', '|', /is there 2 times/], ['ab', '', /is empty/]])('stands there once: not in %j, %j', (text, marker, words) => {
    expect(() => divide(text, { marker })).toThrow(words)
  })

  it('takes the place of a place', () => {
    expect(() => divide('a|', { marker: '|', at: { line: 1, column: 1 } })).toThrow(/A place and a marker/)
  })
})
