import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder } from '@tenon/checkpoint'
import { directory as miniLM } from '@tenon/model-all-minilm-l6-v2'
import type { Encoding } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/reader-model.js'
import { encodePairs, pairTokenizer } from './encode-pairs.js'
import { resolveOptions } from './resolve-options.js'
import { charactersOf } from './spans.js'

const folder = process.env['TENON_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))
const fileOf = (language: string) => join(folder, `xquad.${language}.json`)
const missing = !['en', 'zh'].every((language) => existsSync(fileOf(language)))
if (missing) console.warn('not tested: that every gold answer of XQuAD can be pointed at. Set TENON_DATA to the folder of xquad.en.json and xquad.zh.json.')

interface XQuAD {
  readonly data: readonly { readonly paragraphs: readonly { readonly context: string; readonly qas: readonly { readonly question: string; readonly answers: readonly { readonly answer_start: number; readonly text: string }[] }[] }[] }[]
}

interface Gold {
  readonly question: string
  readonly context: string
  readonly text: string
  readonly start: number
}

async function goldAnswers(language: string): Promise<Gold[]> {
  const { data } = JSON.parse(await readFile(fileOf(language), 'utf8')) as XQuAD
  return data.flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.flatMap(({ question, answers }) => answers.map(({ answer_start, text }) => ({ question, context, text, start: [...context].slice(0, answer_start).join('').length }))),
    ),
  )
}

/** The fewest tokens of a window that hold all of `[start, end)`, or `undefined` where the window does not reach that far. */
function cover({ offsets, sequenceIds }: Encoding, start: number, end: number) {
  const tokens = [...offsets.keys()].filter((token) => sequenceIds[token] === 1)
  const [first, last] = [tokens.find((token) => offsets[token]![1] > start), tokens.findLast((token) => offsets[token]![0] < end)]
  if (first === undefined || last === undefined || first > last) return undefined
  return offsets[first]![0] <= start && offsets[last]![1] >= end ? { first, last, score: 1 } : undefined
}

const plain = (text: string) => text.normalize('NFD').replace(/\p{Mn}/gu, '').toLowerCase()

describe.skipIf(missing)('every gold answer of XQuAD (needs TENON_DATA, the folder of xquad.en.json and xquad.zh.json)', () => {
  // How many of 894 are the span itself, to the character. The one that is not ends inside a number, '(2,70' of '(2,700,000'.
  describe.each([
    ['all-MiniLM-L6-v2', miniLM, { en: 893, zh: 894 }],
    ['a byte-level tokenizer', fixture('reader/byte-level'), { en: 894, zh: 894 }],
  ])('with the tokenizer of %s', (_, path, exactly) => {
    it.each(['en', 'zh'] as const)('is covered by a least span of tokens of some window, to the character: %s', async (language) => {
      await using checkpoint = await openFolder(path)
      const tokenizer = await checkpoint.tokenizer()
      const golds = await goldAnswers(language)
      const covered = new Set<number>()
      const exact = new Set<number>()
      const wrong: unknown[] = []
      for await (const { input, encoding } of encodePairs(golds, await pairTokenizer(tokenizer), resolveOptions({}, {}, 384), () => undefined)) {
        const { context, text, start } = golds[input]!
        const end = start + text.length
        const span = cover(encoding, start, end)
        if (span === undefined) continue
        covered.add(input)
        const found = charactersOf(encoding, span, false)
        if (found.start === start && found.end === end) exact.add(input)
        const [afterFirst, beforeLast] = [encoding.offsets[span.first]![1], encoding.offsets[span.last]![0]]
        // It holds the answer, and without its first or its last token it would not.
        if (!context.slice(found.start, found.end).includes(text) || afterFirst <= start || beforeLast >= end) wrong.push({ text, found })
        if (tokenizer.subwordPrefix === undefined) continue
        for (let token = span.first; token <= span.last; token++) {
          const piece = encoding.tokens[token]!
          if (piece !== tokenizer.special.unk && plain(context.slice(...encoding.offsets[token]!)) !== piece.replace(/^##/, '')) wrong.push({ text, piece })
        }
      }
      expect(golds).toHaveLength(894)
      expect(golds.filter(({ context, text, start }) => !context.startsWith(text, start))).toEqual([])
      expect(wrong).toEqual([])
      expect(covered.size).toBe(894)
      expect(exact.size).toBe(exactly[language])
    })
  })
})
