import { describe, expect, it } from 'vitest'
import { createLocator, placeOf } from './locate.js'
import { folderOf } from './testing/documents.js'

describe('a place', () => {
  it('counts lines as editors do, whatever ends them', () => {
    const text = 'a\nbc\r\nd\re'
    const places = ['a', 'b', 'c', 'd', 'e'].map((letter) => placeOf(text, text.indexOf(letter)))
    expect(places.map(({ line, column }) => `${line}:${column}`)).toEqual(['1:1', '2:1', '2:2', '3:1', '4:1'])
  })

  it('counts columns in UTF-16 code units', () => {
    expect(placeOf('😀榫x', 3)).toEqual({ line: 1, column: 4 })
  })

  it('does not count a byte order mark, and reads UTF-16', async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a\n榫', 'utf16le')])
    await using folder = await folderOf({ 'bom.txt': '\uFEFFa\nb', 'wide.txt': utf16 })
    const placeIn = createLocator()
    expect(await placeIn(`${folder.path}/bom.txt`, 0)).toEqual({ line: 1, column: 1 })
    expect(await placeIn(`${folder.path}/wide.txt`, 2)).toEqual({ line: 2, column: 1 })
  })

  it('is unknown when the file has gone', async () => {
    expect(await createLocator()('gone.txt', 3)).toBeUndefined()
  })
})
