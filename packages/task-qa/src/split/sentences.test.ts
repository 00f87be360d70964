import { describe, expect, it } from 'vitest'
import { linesOf, sentencesOf } from './sentences.js'

const split = (text: string) => sentencesOf(text).map(({ from, to }) => text.slice(from, to))

describe('splitting into sentences', () => {
  it.each([
    ['plain sentences', ['Saw the wood.', 'Is it dry?', 'Good!', 'Then plane it']],
    ['titles, initials and numbers', ['Dr. J. S. Smith paid 3.50 to Mr. Lee.', 'See Fig. 3 and No. 5.', 'He said no.', 'It is 1,000.5 mm.']],
    ['dotted abbreviations', ['Use hardwood, e.g. Oak or i.e. Beech.', 'It met at 3 p.m. in the U.S. Army base.', 'He went to the U.S.', 'The rest stayed, etc.', 'They slept.']],
    ['ordinals of items', ['1. Measure the wood.', 'Cut it.']],
    ['quotes and brackets that close', ['"Is it?" he said.', '(It was.)', '“Go.”', 'Next… and so on.']],
  ])('keeps together and apart: %s', (_, sentences) => {
    expect(split(sentences.join(' '))).toEqual(sentences)
  })

  it('splits Chinese at its own marks, closing quotes included', () => {
    expect(split('榫卯是什么？“它是木结构。”他说。好；不好。价格是3.5元……完')).toEqual(['榫卯是什么？', '“它是木结构。”', '他说。', '好；', '不好。', '价格是3.5元……', '完'])
  })

  it('splits scripts with marks of their own', () => {
    expect(split('यह लकड़ी है। वह नहीं है।')).toEqual(['यह लकड़ी है।', 'वह नहीं है।'])
    expect(split('هل هذا خشب؟ نعم.')).toEqual(['هل هذا خشب؟', 'نعم.'])
  })

  it('does not take a line end for the end of a sentence', () => {
    expect(split('Oak should dry\nfor a year.\nThen use it.')).toEqual(['Oak should dry\nfor a year.', 'Then use it.'])
  })

  it('takes each line of preformatted text', () => {
    const text = 'a = 1.5\n\n  b = 2. C'
    expect(linesOf(text).map(({ from, to }) => text.slice(from, to))).toEqual(['a = 1.5', 'b = 2. C'])
  })

  it('finds nothing in white space', () => {
    expect(split(' \n\t')).toEqual([])
  })

  it('takes time in proportion to the text, whatever marks it is made of', () => {
    const began = performance.now()
    for (const text of ['.'.repeat(200_000), '. '.repeat(100_000), '."'.repeat(100_000), '。”'.repeat(100_000), 'a.b'.repeat(70_000)]) split(text)
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
