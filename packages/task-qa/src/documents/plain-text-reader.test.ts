import { describe, expect, it } from 'vitest'
import { blocksOf } from '../testing/read.js'
import { plainText } from './plain-text-reader.js'

const texts = async (text: string) => (await blocksOf(plainText, text)).map((block) => block.text)

describe('the plain text reader', () => {
  it('parts paragraphs at empty lines', async () => {
    expect(await texts('One.\n\nTwo.\r\n \r\nThree.')).toEqual(['One.', 'Two.', 'Three.'])
  })

  it('keeps a paragraph that was wrapped at a column together', async () => {
    const text = 'Keep the air of a room with solid wood furniture\nbetween 40 and 60 percent relative humidity, and\naway from radiators.'
    expect(await texts(text)).toEqual([text])
  })

  it('parts lines that were ended on purpose', async () => {
    expect(await texts('榫头插入卯眼。\n不用铁钉。')).toEqual(['榫头插入卯眼。', '不用铁钉。'])
    expect(await texts('Shopping:\n- oak\n- glue')).toEqual(['Shopping:', '- oak', '- glue'])
  })

  it('takes underlined lines as headings', async () => {
    const blocks = await blocksOf(plainText, 'Care\n====\n\nOil\n---\n\nOnce a year.')
    expect(blocks).toEqual([{ headings: ['Care', 'Oil'], text: 'Once a year.', original: 'Once a year.' }])
  })
})
