import { describe, expect, it } from 'vitest'
import { blocksOf } from '../testing/read.js'
import { markdown } from './markdown-reader.js'

describe('the Markdown reader', () => {
  it('gives each block the headings above it', async () => {
    const blocks = await blocksOf(markdown, '# Joints\n\nIntro.\n\n## Dovetail\n\nSlope.\n\nWoods\n=====\n\nOak.')
    expect(blocks.map(({ headings, text }) => [headings, text])).toEqual([
      [['Joints'], 'Intro.'],
      [['Joints', 'Dovetail'], 'Slope.'],
      [['Woods'], 'Oak.'],
    ])
  })

  it('reads line ends inside a paragraph as spaces', async () => {
    const [block] = await blocksOf(markdown, 'Oak should dry\nfor a year  \nat least.')
    expect(block?.text).toBe('Oak should dry for a year  at least.')
  })

  it('drops markup and keeps the place it stood in', async () => {
    const text = 'Use **one third** of [the thickness](https://example.org "title") \\*always\\*, `n &amp; m`.'
    expect(await blocksOf(markdown, text)).toEqual([{ headings: [], text: 'Use one third of the thickness *always*, n &amp; m.', original: text }])
  })

  it('decodes character references', async () => {
    expect(await blocksOf(markdown, 'oil &amp; wax &#176;C &#x41; &nosuch;')).toMatchObject([{ text: 'oil & wax °C A &nosuch;', original: 'oil &amp; wax &#176;C &#x41; &nosuch;' }])
  })

  it('takes list items apart, and quotes without their marks', async () => {
    const blocks = await blocksOf(markdown, '- saw\n  the wood\n- plane it\n\n> cut\n> twice')
    expect(blocks.map(({ text }) => text)).toEqual(['saw the wood', 'plane it', 'cut twice'])
  })

  it('names the columns of a table above its rows', async () => {
    const blocks = await blocksOf(markdown, '# Woods\n\n| Wood | Years |\n|---|---|\n| Oak | **1** |\n\nAfter.')
    expect(blocks).toEqual([
      { headings: ['Woods', 'Wood | Years'], text: 'Oak | 1', original: 'Oak | **1' },
      { headings: ['Woods'], text: 'After.', original: 'After.' },
    ])
  })

  it('keeps the lines of code', async () => {
    const blocks = await blocksOf(markdown, '```sh\nnpm test\n\nnpm start\n```')
    expect(blocks.map(({ text }) => text)).toEqual(['npm test\n\nnpm start'])
  })

  it('reads a long text in parts, without a seam', async () => {
    const part = `# Woods\n\n${'Oak is **hard** &amp; heavy. '.repeat(40)}\n\n## Use\n\n\`\`\`\n\n# no heading\n\`\`\`\n\nBoats.\n\n`
    const [one, long] = [await blocksOf(markdown, part), await blocksOf(markdown, part.repeat(150))]
    expect(one.map(({ headings }) => headings)).toEqual([['Woods'], ['Woods', 'Use'], ['Woods', 'Use']])
    expect(long).toEqual(Array.from({ length: 150 }, () => one).flat())
  })

  it('leaves out front matter, definitions and raw HTML, not the text around them', async () => {
    const text = '---\ntitle: x\n---\n\nText <b>bold</b>.\n\n<div>\nraw\n</div>\n\n[ref]: https://example.org\n'
    expect(await blocksOf(markdown, text)).toEqual([{ headings: [], text: 'Text bold.', original: 'Text <b>bold</b>.' }])
  })
})
