import { describe, expect, it } from 'vitest'
import { contentOfText } from '../documents/content.js'
import { html } from '../documents/html-reader.js'
import { json } from '../documents/json-reader.js'
import { markdown } from '../documents/markdown-reader.js'
import { plainText } from '../documents/plain-text-reader.js'
import { originalPlace } from './original-place.js'
import { passagesOf } from './passages.js'

const texts = {
  'plain text': [plainText, 'A saw, two planes and\neleven chisels hang  above the bench. It smells\r\nof cedar 😀 and oil.\n\nThe gate opens.'],
  Markdown: [markdown, '# Bench\n\nA *saw*, two [planes](x.md) and `eleven` chisels\nhang \\*above\\* the bench. It **smells** of cedar &amp; oil.\n\n| tool | count |\n|---|---|\n| saw | two **big** |\n'],
  HTML: [html, '<h1>Bench</h1><p>A <b>saw</b>, two\n  planes &amp; <i>eleven</i> chisels. It smells of caf&eacute; 😀 and <span>oil</span>.</p>'],
  JSON: [json, '{"title": "Bench", "text": "A saw, two \\"planes\\" and\\neleven chisels. It smells of caf\\u00e9 and oil."}'],
} as const

describe.each(Object.entries(texts))('the place of words of a passage: %s', (_, [reader, text]) => {
  it('is that of the same words in the file', async () => {
    const passages = passagesOf(await reader.read(contentOfText('test', text)), 100)
    const words = passages.flatMap((passage) => [...passage.text.matchAll(/[A-Za-z]+/g)].map((word) => ({ passage, from: word.index, word: word[0] })))
    expect(words.length).toBeGreaterThan(10)
    for (const { passage, from, word } of words) {
      const { start, end } = originalPlace(passage, from, from + word.length)
      expect(text.slice(start, end)).toBe(word)
    }
  })

  it('encloses what stands between the first and the last word', async () => {
    for (const passage of passagesOf(await reader.read(contentOfText('test', text)), 100)) {
      const whole = originalPlace(passage, 0, passage.text.length)
      expect(whole).toEqual({ start: passage.start, end: passage.end })
    }
  })
})

it('the place of an entity or an escape is all of it', async () => {
  for (const [reader, text, written] of [[html, '<p>The caf&eacute; opens.</p>', 'caf&eacute;'], [json, '{"text": "The caf\\u00e9 opens."}', 'caf\\u00e9']] as const) {
    const [passage] = passagesOf(await reader.read(contentOfText('test', text)), 100)
    const from = passage!.text.indexOf('café')
    const { start, end } = originalPlace(passage!, from, from + 4)
    expect(text.slice(start, end)).toBe(written)
  }
})

it('the place in a sentence of which only the whole is known is the whole', () => {
  expect(originalPlace({ text: 'a & b', sentences: [{ from: 0, to: 5, start: 10, end: 19 }] }, 0, 1)).toEqual({ start: 10, end: 19 })
})

it('sentences that stand in the file as they are carry nothing more', async () => {
  const [passage] = passagesOf(await plainText.read(contentOfText('test', 'The gate opens. It closes.')), 100)
  expect(passage!.sentences.map(({ runs }) => runs)).toEqual([undefined, undefined])
})
