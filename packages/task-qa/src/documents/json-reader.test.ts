import { describe, expect, it } from 'vitest'
import { contentOfText } from './content.js'
import { json, jsonLines } from './json-reader.js'
import { blocksOf } from '../testing/read.js'

describe('the JSON reader', () => {
  it('gives strings and named numbers their path as headings', async () => {
    const blocks = await blocksOf(json, '{"woods": [{"dryingTime": "one year", "hard_ness": 1360, "sold": true, "years": [1, 2]}]}')
    expect(blocks.map(({ headings, text }) => [headings, text])).toEqual([
      [['woods', 'drying time'], 'one year'],
      [['woods', 'hard ness'], '1360'],
    ])
  })

  it('puts what an object is about above its other values, wherever it stands', async () => {
    const blocks = await blocksOf(json, '[{"use": "barrels", "name": "Oak"}, {"question": "How long?", "answer": "A year."}, {"名称": "榉木", "产地": "江南"}]')
    expect(blocks.map(({ headings, text }) => [headings, text])).toEqual([
      [['Oak', 'use'], 'barrels'],
      [['How long?', 'answer'], 'A year.'],
      [['榉木', '产地'], '江南'],
    ])
  })

  it('reads a name that names nothing as a value', async () => {
    expect(await blocksOf(json, '[{"name": "Oak"}]')).toMatchObject([{ headings: [], text: 'Oak' }])
  })

  it('decodes escapes and delimits them in the file', async () => {
    expect(await blocksOf(json, String.raw`["say \"榫\" \u536f \/", "a\n\nb"]`)).toEqual([
      { headings: [], text: 'say "榫" 卯 /', original: String.raw`say \"榫\" \u536f \/` },
      { headings: [], text: 'a', original: 'a' },
      { headings: [], text: 'b', original: 'b' },
    ])
  })

  it('does not recurse', async () => {
    const depth = 5_000
    expect(await blocksOf(json, `${'['.repeat(depth)}"deep"${']'.repeat(depth)}`)).toMatchObject([{ text: 'deep' }])
  })

  it('says what is wrong with a file that is not JSON', () => {
    expect(() => json.read(contentOfText('a.json', '{"a": }'))).toThrow(expect.objectContaining({ code: 'TENON_UNREADABLE', reason: expect.stringMatching(/^is not valid JSON: /) }))
    expect(() => jsonLines.read(contentOfText('a.jsonl', '1\n{\n'))).toThrow(expect.objectContaining({ reason: expect.stringMatching(/^is not valid JSON in line 2: /) }))
  })

  it('reads JSON lines one by one', async () => {
    expect(await blocksOf(jsonLines, '{"a": "x"}\n\n{"title": "T", "b": "y"}\n')).toEqual([
      { headings: ['a'], text: 'x', original: 'x' },
      { headings: ['T', 'b'], text: 'y', original: 'y' },
    ])
  })
})
