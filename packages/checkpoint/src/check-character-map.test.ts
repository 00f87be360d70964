import { describe, expect, it } from 'vitest'
import { characterMapFault } from './check-character-map.js'
import { characterMap } from './test-tokenizers.js'
import { loadTokenizer } from './tokenizer.js'

/** The map with some of its 32-bit units and strings replaced. */
function changed(units: Readonly<Record<number, number>>, strings?: string): string {
  const bytes = Buffer.from(characterMap(), 'base64')
  for (const [index, unit] of Object.entries(units)) bytes.writeUInt32LE(unit, 4 + 4 * Number(index))
  return (strings === undefined ? bytes : Buffer.concat([bytes.subarray(0, 4 + 4 * 512), Buffer.from(strings, 'latin1')])).toString('base64')
}

describe('a character map', () => {
  it('is read by native code as it was meant', async () => {
    expect(characterMapFault(characterMap())).toBeUndefined()
    const json = { normalizer: { type: 'Precompiled', precompiled_charsmap: characterMap() }, model: { type: 'WordLevel', vocab: { u: 0, aBa: 1 }, unk_token: 'u' } }
    const tokenizer = await loadTokenizer({ place: '/model', read: async (file) => (file === 'tokenizer.json' ? JSON.stringify(json) : undefined) })
    expect((await tokenizer.encode('ABA')).tokens).toEqual(['aBa'])
  })

  it.each<[string, unknown, RegExp]>([
    ['no text', null, /no text/],
    ['no base64', `${characterMap()}=`, /no base64/],
    ['base64 with bits left over', 'AAAAAB==', /no base64/],
    ['no trie', Buffer.from([0, 0, 0, 0]).toString('base64'), /truncated/],
    ['a trie longer than the file', Buffer.from(characterMap(), 'base64').subarray(0, 2000).toString('base64'), /truncated/],
    ['a unit whose children are outside', changed({ 0: 512 << 10 }), /leads out/],
    ['a unit whose children are far outside', changed({ 0: ((2 ** 21 - 1) << 10) | (1 << 9) }), /leads out/],
    ['a value past the strings', changed({ 300: 0x8000_0003 }), /past the end/],
    ['a value in the middle of a character', changed({ 300: 0x8000_0001 }, '\u00c3\u00a9\u0000'), /middle of a character/],
    ['strings that are no UTF-8', changed({}, '\u00ff\u0000'), /no UTF-8/],
  ])('with %s is refused before native code sees it', (_, map, fault) => {
    expect(characterMapFault(map)).toMatch(fault)
  })
})
