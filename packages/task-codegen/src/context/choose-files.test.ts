import { describe, expect, it } from 'vitest'
import { createTextEncoder } from '../prompt/text-encoder.js'
import { byteLevelTokenizer } from '../test-support.js'
import { chooseFiles } from './choose-files.js'
import { identifiers } from './identifiers.js'
import { rankFiles } from './rank-files.js'

const encoder = await createTextEncoder(await byteLevelTokenizer([]))
const ranked = (...args: Parameters<typeof rankFiles>) => rankFiles(...args).map(({ path }) => path)
const filler = (name: string, lines: number) => Array.from({ length: lines }, (_, line) => `${name}${line}()\n`).join('')

describe('identifiers', () => {
  it('are names and the words in them, without those of the language', () => {
    expect(Object.fromEntries(identifiers('const parseHTTPHeader = (max_size) => { return parseHTTPHeader2 }'))).toEqual({ parsehttpheader: 1, parse: 2, http: 2, header: 2, max_size: 1, max: 1, size: 1, parsehttpheader2: 1 })
  })
})

describe('other files', () => {
  const cursor = { path: 'src/shop/cart.ts', prefix: "import { priceOf } from './prices.js'\n\nexport function totalOf(cart) {\n  return cart.items.reduce((sum, item) => sum + ", suffix: '\n}\n' }

  it('come by the words they share with what is around the cursor', () => {
    const files = [{ path: 'a.ts', text: filler('render', 10) }, { path: 'b.ts', text: 'export const cart = { items: [], sum: 0 }' }, { path: 'c.ts', text: 'export const colour = 1' }]
    expect(ranked(files, cursor)[0]).toBe('b.ts')
  })

  it('come first where they are imported, whatever their words', () => {
    const files = [{ path: 'src/shop/sums.ts', text: 'export const sum = 1' }, { path: 'src/shop/prices.ts', text: 'export const priceOf = (it) => it.cents' }]
    expect(ranked(files, cursor)[0]).toBe('src/shop/prices.ts')
    expect(ranked([{ path: 'lib/other/index.py', text: '' }, { path: 'lib/prices/index.py', text: '' }], cursor)[0]).toBe('lib/prices/index.py')
  })

  it('come by how near they lie where all else is equal, and else by their names', () => {
    const files = ['test/far.ts', 'src/near.ts', 'src/shop/next.ts'].map((path) => ({ path, text: 'nothing' }))
    expect(ranked(files, cursor)).toEqual(['src/shop/next.ts', 'src/near.ts', 'test/far.ts'])
    expect(ranked(files.map(({ text }, index) => ({ text, path: `${2 - index}.ts` })), { prefix: '', suffix: '' })).toEqual(['0.ts', '1.ts', '2.ts'])
  })

  it('are taken as far as the budget goes, the most relevant last, long ones as the lines that matter', async () => {
    const files = [
      { path: 'src/long.ts', text: `${filler('before', 400)}export const cartItems = (cart) => cart.items\n${filler('after', 400)}` },
      { path: 'src/shop/prices.ts', text: 'export const priceOf = (item) => item.cents\n' },
      { path: 'src/other.ts', text: filler('unrelated', 400) },
    ]
    const chosen = await chooseFiles(files, cursor, 400, encoder)
    expect(chosen.at(-1)).toEqual(files[1])
    const long = chosen.find(({ path }) => path === 'src/long.ts')!
    expect(long.text).toContain('cartItems')
    expect(files[0]!.text).toContain(`\n${long.text}`) // whole lines
    const tokens = await Promise.all(chosen.map(async ({ path, text }) => (await encoder.encode(`${path}\n${text}\n`, 'inside')).ids.length))
    expect(tokens.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(400)
    expect(await chooseFiles(files, cursor, 8, encoder)).toEqual([])
  })

  it('keep the order in which the cache holds them, new ones behind', async () => {
    const files = ['a', 'b', 'c'].map((name) => ({ path: `${name}.ts`, text: `cart ${name}` }))
    const best = (await chooseFiles(files, cursor, 400, encoder)).map(({ path }) => path)
    expect(best).toEqual(['c.ts', 'b.ts', 'a.ts'])
    const held = [files[0]!, files[2]!]
    expect((await chooseFiles(files, cursor, 400, encoder, held)).map(({ path }) => path)).toEqual(['a.ts', 'c.ts', 'b.ts'])
  })
})
