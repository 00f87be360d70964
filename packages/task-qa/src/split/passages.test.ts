import { describe, expect, it } from 'vitest'
import { verbatim } from '../documents/mapped-text.js'
import type { Block } from '../documents/reader.js'
import { inContext } from './context.js'
import { lengthOf } from './length.js'
import { passagesOf } from './passages.js'

/** Paragraphs one after the other in a document. */
function documentOf(paragraphs: readonly (readonly [headings: readonly string[], text: string])[]) {
  let text = ''
  const blocks: Block[] = paragraphs.map(([headings, paragraph]) => {
    const block = { headings, content: verbatim(paragraph, text.length) }
    text += `${paragraph}\n\n`
    return block
  })
  return { text, blocks }
}

const sentence = (words: number) => `Start ${Array.from({ length: words - 2 }, (_, index) => `word${index % 10}`).join(' ')} end.`

describe('packing passages', () => {
  it('puts short blocks under the same headings together', () => {
    const [passage, ...rest] = passagesOf(documentOf([[['A'], 'One.'], [['A'], 'Two. Three.']]), 50)
    expect(rest).toEqual([])
    expect(passage).toMatchObject({ headings: ['A'], text: 'One.\nTwo. Three.', start: 0, end: 17 })
    expect(passage?.sentences.map(({ text, start, end }) => [text, start, end])).toEqual([
      ['One.', 0, 4],
      ['Two.', 6, 10],
      ['Three.', 11, 17],
    ])
  })

  it('never joins what stands under different headings', () => {
    expect(passagesOf(documentOf([[['A'], 'One.'], [['B'], 'Two.']]), 50).map(({ text }) => text)).toEqual(['One.', 'Two.'])
  })

  it('divides a long block between sentences, evenly', () => {
    const passages = passagesOf(documentOf([[[], Array.from({ length: 11 }, () => sentence(10)).join(' ')]]), 100)
    expect(passages.map(({ sentences }) => sentences.length)).toEqual([6, 5])
  })

  it('cuts a sentence only when it alone is too long', () => {
    const passages = passagesOf(documentOf([[[], sentence(250)]]), 100)
    expect(passages.length).toBeGreaterThan(2)
    expect(Math.max(...passages.map(({ text }) => lengthOf(text)))).toBeLessThanOrEqual(100)
    expect(passages.map(({ text }) => text).join(' ')).toBe(sentence(250))
  })

  it('counts Chinese by the character, and does not put spaces into it', () => {
    expect(lengthOf('榫头插入卯眼')).toBe(6)
    expect(lengthOf('mortise and tenon')).toBe(3)
    expect(passagesOf(documentOf([[[], '榫头插入卯眼。不用铁钉。']]), 50).map(({ text }) => text)).toEqual(['榫头插入卯眼。不用铁钉。'])
  })

  it('cuts an endless word between characters, not within one', () => {
    for (const { text } of passagesOf(documentOf([[[], '😀'.repeat(2_000)]]), 40)) expect(text).not.toMatch(/\p{Surrogate}/u)
  })

  it('places a sentence within the text of its passage', () => {
    for (const passage of passagesOf(documentOf([[['A'], 'One. Two.'], [['A'], '三。四。']]), 50)) {
      for (const { text, from, to } of passage.sentences) expect(passage.text.slice(from, to)).toBe(text)
    }
  })

  it('puts the innermost headings before a text, as many as are short enough', () => {
    expect(inContext(['Joints', 'Dovetail'], 'Slope.')).toBe('Joints › Dovetail\nSlope.')
    expect(inContext([sentence(40), 'Dovetail'], 'Slope.')).toBe('Dovetail\nSlope.')
    expect(inContext([], 'Slope.')).toBe('Slope.')
  })
})
