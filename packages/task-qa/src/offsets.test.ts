import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOfText } from './documents/content.js'
import { html } from './documents/html-reader.js'
import { json, jsonLines } from './documents/json-reader.js'
import { markdown } from './documents/markdown-reader.js'
import { plainText } from './documents/plain-text-reader.js'
import type { Reader } from './documents/reader.js'
import { passagesOf, type Piece } from './split/passages.js'

const words = fc.constantFrom('oak', 'Tenon', '榫卯', '三。', 'dry.', 'e.g.', '3.5', '“x”', '😀', '\ud800', 'e\u0301', '\u00a0', '？', '!', 'a_b', '한국어', 'ไทย')
const phrase = fc.array(fc.oneof(words, fc.string({ maxLength: 6 })), { maxLength: 12 }).map((parts) => parts.join(' '))
const endOfLine = fc.constantFrom('\n', '\r\n', '\n\n', ' ', '\r', '')

const built = (...pieces: fc.Arbitrary<string>[]) =>
  fc.array(fc.tuple(fc.oneof(...pieces, phrase), endOfLine), { maxLength: 14 }).map((parts) => parts.flat().join(''))
const around = (before: string, after: string) => phrase.map((text) => before + text + after)

const markdownTexts = built(
  around('# ', '\n'), around('- ', '\n'), around('1. ', '\n'), around('> ', '\n'), around('**', '**'), around('`', '`'), around('[', '](x)'), around('    ', '\n'),
  around('\n\n```\n', '\n```\n'), around('', '\n===\n'), around('\n\n| a | b |\n|---|---|\n| ', ' | &lt; |\n'), fc.constantFrom('&amp;', '&#x41;', '&#0;', '\\*', '\\', '<b>', '<!--', '---\n', '[x]: y\n', '\t', '\0', '\ufeff'),
)
const htmlTexts = built(
  around('<p>', '</p>'), around('<h1>', '</h1>'), around('<li>', ''), around('<td>', ''), around('<tr><th>', '</tr>'), around('<b>', '</b>'), around('<pre>', '</pre>'), around('<dt>', '<dd>'),
  around('<script>', '</script>'), around('<div hidden>', '</div>'), fc.constantFrom('&amp;', '&lt', '&NotEqualTilde;', '&#x110000;', '<br>', '<br/>', '<', '</', '<!--', '-->', '<![CDATA[x]]>', '<table>', '</table>', '<a href="&amp;">', '\0'),
)
const jsonTexts = fc.tuple(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(0, 1, '\t')).map(([value, indent]) => JSON.stringify({ value, name: 'n', text: 'One. "Two".\n\n三。' }, null, indent))

async function passages(reader: Reader, text: string, bound: number): Promise<Piece[]> {
  return passagesOf(await reader.read(contentOfText('test', text)), bound)
}

const bounds = fc.integer({ min: 16, max: 200 })

/** What is wrong with the passages of a document: nothing, ever. */
function faultsOf(text: string, pieces: readonly Piece[], exact: boolean): string[] {
  const faults: string[] = []
  const must = (holds: boolean, what: string, piece: object) => {
    if (!holds) faults.push(`${what}: ${JSON.stringify(piece)}`)
  }
  for (const passage of pieces) {
    must(passage.sentences.length > 0, 'a passage has sentences', passage)
    must(passage.start >= 0 && passage.end <= text.length, 'a passage lies in its document', passage)
    for (const sentence of passage.sentences) {
      const { start, end, from, to } = sentence
      const original = text.slice(start, end)
      must(sentence.text.trim() !== '', 'a sentence has text', sentence)
      must(passage.text.slice(from, to) === sentence.text, 'a sentence stands where its passage says', sentence)
      must(start >= passage.start && end <= passage.end && start < end, 'a sentence lies in its passage', sentence)
      // Elsewhere the ends may be written as references or escapes.
      const plain = !/[&\\\0\r]/.test(original)
      must(!plain || (original.startsWith(sentence.text[0] as string) && original.endsWith(sentence.text.at(-1) as string)), 'offsets meet the ends of a sentence', sentence)
      must(!exact || original === sentence.text, 'offsets delimit exactly the sentence', sentence)
    }
  }
  return faults
}

describe('offsets into the original text', () => {
  it.each([
    ['delimit exactly the sentence in plain text', plainText, built(), true],
    ['enclose the sentence in Markdown', markdown, markdownTexts, false],
    ['enclose the sentence in HTML', html, htmlTexts, false],
    ['enclose the sentence in JSON', json, jsonTexts, false],
    ['enclose the sentence in JSON lines', jsonLines, jsonTexts.map((text) => `${JSON.stringify(JSON.parse(text))}\n\n{"a": "b. c."}`), false],
  ] as const)('%s', async (_, reader, texts, exact) => {
    const property = fc.asyncProperty(texts, bounds, async (text, bound) => {
      expect(faultsOf(text, await passages(reader, text, bound), exact)).toEqual([])
    })
    await expect(fc.assert(property, { numRuns: 400 })).resolves.toBeUndefined()
  })
})
