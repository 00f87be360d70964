import assert from 'node:assert/strict'
import { TenonError, type Collection, type EmbedderIdentity, type Filter, type NewDocument } from '@tenon/core'
import { random } from '../random.js'
import { randomDocuments, StoreReference, unit } from './reference.js'

/** One thing that a store must do. */
interface StoreCase {
  readonly name: string
  /** `open` opens the same place each time within a case, and an empty one for each case. Throws when the store does not. */
  check(open: (embedder?: EmbedderIdentity) => Promise<Collection>): Promise<void>
}

const dimensions = 8

/** The embedder that cases open stores with. */
export const testEmbedder: EmbedderIdentity = { dimensions, sample: async () => unit([1, 2, 3, 4, 5, 6, 7, 8]) }

/** A document with one passage for each text; its terms are the words, its vector points along an axis. */
export function documentOf(key: string, texts: readonly string[], more: Partial<NewDocument> = {}): NewDocument {
  const passages = texts.map((text, index) => ({
    passage: { headings: ['Heading'], text, start: index, end: index + text.length, sentences: [{ from: 0, to: text.length, start: index, end: index + text.length }] },
    vector: unit(Array.from({ length: dimensions }, (_, axis) => (axis === index % dimensions ? 1 : 0))),
    terms: text.split(' '),
  }))
  return { key, source: `${key}.md`, revision: 'r1', metadata: {}, passages, ...more }
}

const along = (axis: number) => unit(Array.from({ length: dimensions }, (_, index) => (index === axis ? 1 : 0)))
const textsOf = async (collection: Collection, terms: readonly string[], filter?: Filter) =>
  (await collection.search({ vector: new Float32Array(dimensions), terms, limit: 100, ...(filter && { filter }) })).filter(({ bm25 }) => bm25 > 0).map(({ passage }) => passage.text)

const coded = (code: string) => (error: unknown) => TenonError.isInstance(error) && error.code === code

/** The candidates, and in the same order, scores within what the arithmetic of databases leaves. */
async function assertSame(collection: Collection, reference: StoreReference, query: Parameters<StoreReference['search']>[0]): Promise<void> {
  const found = await collection.search(query)
  const expected = reference.search(query)
  assert.deepEqual(found.map(({ document, passage }) => ({ document, passage })), expected.map(({ document, passage }) => ({ document, passage })))
  found.forEach(({ cosine, bm25 }, index) => {
    assert.ok(Math.abs(cosine - (expected[index]?.cosine as number)) < 1e-5, `cosine ${cosine} instead of ${expected[index]?.cosine}`)
    assert.ok(Math.abs(bm25 - (expected[index]?.bm25 as number)) < 1e-5, `BM25 ${bm25} instead of ${expected[index]?.bm25}`)
  })
  assert.ok(found.every(({ id }, index) => index === 0 || id > (found[index - 1]?.id as number)), 'ids do not ascend')
}

/** What every store must do. */
export const storeCases: readonly StoreCase[] = [
  {
    name: 'is empty at first',
    async check(open) {
      const collection = await open()
      assert.deepEqual(collection.size, { documents: 0, passages: 0 })
      assert.deepEqual(await collection.documents(), [])
      assert.deepEqual(await collection.search({ vector: along(0), terms: ['oak'], limit: 5 }), [])
      assert.deepEqual(await collection.frequencies(['oak']), [0])
    },
  },
  {
    name: 'gives back what was put, whatever characters it is made of',
    async check(open) {
      const collection = await open()
      const document = documentOf('ключ', ['oak \u0000 \ud83d half 榫卯 "\\\' 😀'.replace(' \u0000 ', '\u0000')], { source: "a'b\"c\\d.md", metadata: { lang: 'zh-汉', n: 0.1 + 0.2, yes: true, no: false, 'odd "key\\': '’' } })
      const [passage] = document.passages
      assert.ok(passage)
      const put = { ...document, passages: [{ ...passage, terms: ['榫卯', '😀', "o'ak"] }] }
      await collection.write({ put: [put] })
      assert.deepEqual(await collection.documents(), [{ ...document, passages: 1 }])
      const [found, ...others] = await collection.search({ vector: along(0), terms: ["o'ak"], limit: 5 })
      assert.deepEqual(others, [])
      assert.deepEqual(found?.passage, passage.passage)
      assert.deepEqual(found?.document, { key: document.key, source: document.source, metadata: document.metadata })
      assert.equal(found?.cosine, 1)
      assert.ok((found?.bm25 as number) > 0)
    },
  },
  {
    name: 'replaces documents of the same key, describes and removes them, and counts',
    async check(open) {
      const collection = await open()
      await collection.write({ put: [documentOf('a', ['oak', 'pine']), documentOf('b', ['elm']), documentOf('c', [])] })
      assert.deepEqual(collection.size, { documents: 3, passages: 3 })
      assert.deepEqual(await collection.write({ put: [documentOf('a', ['ash'], { revision: 'r2' })], describe: [{ key: 'b', source: 'new', metadata: { lang: 'en' } }, { key: 'absent', source: 'x', metadata: {} }], remove: ['c', 'nothing'] }), { replaced: 1, removed: 1 })
      assert.deepEqual(await collection.documents(), [
        { key: 'b', source: 'new', revision: 'r1', metadata: { lang: 'en' }, passages: 1 },
        { key: 'a', source: 'a.md', revision: 'r2', metadata: {}, passages: 1 },
      ])
      assert.deepEqual(collection.size, { documents: 2, passages: 2 })
      assert.deepEqual(await collection.frequencies(['oak', 'ash', 'elm']), [0, 1, 1])
      assert.deepEqual(await textsOf(collection, ['oak', 'ash', 'elm']), ['elm', 'ash'])
      assert.deepEqual(await textsOf(collection, ['elm'], { lang: 'en' }), ['elm'])
    },
  },
  {
    name: 'keeps the id of a passage while others come and go, and gives it to no other',
    async check(open) {
      const collection = await open()
      const idOf = async (term: string) => (await collection.search({ vector: along(7), terms: [term], limit: 9 })).find(({ bm25 }) => bm25 > 0)?.id
      await collection.write({ put: [documentOf('a', ['oak']), documentOf('b', ['elm'])] })
      const [oak, elm] = [await idOf('oak'), await idOf('elm')]
      for (let index = 0; index < 5; index++) await collection.write({ put: [documentOf('a', ['oak']), documentOf(`c${index}`, ['ash'])] })
      assert.equal(await idOf('elm'), elm)
      assert.ok(((await idOf('oak')) as number) > (oak as number))
    },
  },
  {
    name: 'finds the best by each score, and of equals those that came first',
    async check(open) {
      const collection = await open()
      await collection.write({ put: Array.from({ length: 6 }, (_, index) => documentOf(`d${index}`, ['oak', `elm elm${index}`])) })
      const found = await collection.search({ vector: along(0), terms: ['elm'], limit: 2 })
      assert.deepEqual(found.map(({ document, passage }) => `${document.key} ${passage.text}`), ['d0 oak', 'd0 elm elm0', 'd1 oak', 'd1 elm elm1'])
      assert.deepEqual((await collection.search({ vector: along(0), terms: ['nowhere'], limit: 2 })).map(({ document }) => document.key), ['d0', 'd1'])
    },
  },
  {
    name: 'filters by equality, by lists and by ranges, and never takes one type for another',
    async check(open) {
      const collection = await open()
      const all: Record<string, NewDocument['metadata']> = {
        en: { lang: 'en', year: 2019, day: '2024-05-01', draft: true },
        zh: { lang: 'zh', year: 2021.5, day: '2024-11-30', draft: false },
        text: { lang: '2019', year: '2021', day: 20240501, draft: 'true' },
        odd: { lang: 'ｆ', day: '😀', toString: 'x' },
        none: {},
      }
      await collection.write({ put: Object.entries(all).map(([key, metadata]) => documentOf(key, [`oak ${key}`], { metadata })) })
      const expected: [Filter, string[]][] = [
        [{}, ['en', 'zh', 'text', 'odd', 'none']],
        [{ lang: 'en' }, ['en']],
        [{ year: 2019 }, ['en']],
        [{ year: '2021' }, ['text']],
        [{ draft: true }, ['en']],
        [{ draft: 'true' }, ['text']],
        [{ lang: { in: ['en', 'ｆ', 2019] } }, ['en', 'odd']],
        [{ lang: { in: [] } }, []],
        [{ year: { gte: 2019 } }, ['en', 'zh']],
        [{ year: { gt: 2019, lt: 2021.5 } }, []],
        [{ year: { gt: 2019, lte: 2021.5 } }, ['zh']],
        [{ year: { gte: '2' } }, ['text']],
        [{ day: { gte: '2024-05-01', lt: '2024-06' } }, ['en']],
        // By code points 😀 comes after ｆ; by UTF-16 before.
        [{ day: { gt: 'ｆ' } }, ['odd']],
        [{ lang: { lt: '😀', gt: 'zz' } }, ['odd']],
        [{ draft: { gte: 'a' } }, ['text']],
        [{ toString: 'x' }, ['odd']],
        [{ lang: 'en', year: 2020 }, []],
        [{ lang: 'zh', draft: false, year: { gt: 2000 } }, ['zh']],
        [{ absent: 'x' }, []],
      ]
      for (const [filter, keys] of expected) {
        assert.deepEqual(await textsOf(collection, ['oak'], filter), keys.map((key) => `oak ${key}`), JSON.stringify(filter))
        const near = await collection.search({ vector: along(0), terms: [], limit: 9, filter })
        assert.deepEqual(near.map(({ document }) => document.key), keys, JSON.stringify(filter))
      }
    },
  },
  {
    name: 'answers as its contract says over random documents, changes and questions',
    async check(open) {
      const next = random(7)
      const collection = await open()
      const reference = new StoreReference()
      const filters: (Filter | undefined)[] = [undefined, { lang: 'en' }, { year: { gte: 2005, lt: 2015 } }, { draft: { in: [true] }, lang: 'zh' }]
      for (let round = 0; round < 12; round++) {
        const put = randomDocuments(next, Math.floor(next() * 12), dimensions)
        const others = reference.documents().filter(({ key }) => !put.some((document) => document.key === key))
        const remove = others.filter(() => next() < 0.2).map(({ key }) => key)
        const describe = others.filter(({ key }) => !remove.includes(key) && next() < 0.2).map(({ key }) => ({ key, source: `renamed ${round}`, metadata: { lang: 'en', year: 2010 } }))
        assert.deepEqual(await collection.write({ put, describe, remove }), reference.write({ put, describe, remove }))
        assert.deepEqual(collection.size, reference.size)
        assert.deepEqual(await collection.documents(), reference.documents())
        for (const filter of filters) {
          const vector = unit(Array.from({ length: dimensions }, () => next() - 0.4))
          const terms = [...new Set(Array.from({ length: 4 }, () => (next() < 0.3 ? `榫${3 * Math.floor(next() * 10)}` : `word${Math.floor(next() * 30)}`)))]
          await assertSame(collection, reference, { vector, terms, limit: 1 + Math.floor(next() * 12), ...(filter && { filter }) })
          assert.deepEqual(await collection.frequencies(terms), terms.map((term) => reference.frequency(term)))
        }
      }
    },
  },
  {
    name: 'changes nothing when a write is aborted, before it or within',
    async check(open) {
      const collection = await open()
      await collection.write({ put: [documentOf('a', ['oak'])] })
      const put = [documentOf('a', ['pine']), ...Array.from({ length: 300 }, (_, index) => documentOf(`n${index}`, ['ash']))]
      await assert.rejects(collection.write({ put }, { signal: AbortSignal.abort() }), coded('TENON_ABORTED'))
      const controller = new AbortController()
      await assert.rejects(collection.write({ put }, { signal: controller.signal, onProgress: () => controller.abort() }), coded('TENON_ABORTED'))
      assert.deepEqual(collection.size, { documents: 1, passages: 1 })
      assert.deepEqual(await textsOf(collection, ['oak', 'pine', 'ash']), ['oak'])
      await collection.write({ put })
      assert.deepEqual(collection.size, { documents: 301, passages: 301 })
    },
  },
  {
    name: 'says how far a write is, up to all of its passages',
    async check(open) {
      const collection = await open()
      const told: [number, number][] = []
      await collection.write({ put: [documentOf('a', ['oak', 'elm']), documentOf('b', ['ash'])] }, { onProgress: (...event) => told.push(event) })
      assert.deepEqual(told.at(-1), [3, 3])
    },
  },
  {
    name: 'lets writes come one after another, and searches run beside them',
    async check(open) {
      const collection = await open()
      await collection.write({ put: [documentOf('a', ['oak'])] })
      const results = await Promise.all([
        ...Array.from({ length: 8 }, (_, index) => collection.write({ put: [documentOf('a', [`oak ${index}`]), documentOf(`b${index}`, ['oak'])] })),
        ...Array.from({ length: 4 }, () => textsOf(collection, ['oak'])),
      ])
      assert.ok(results.slice(0, 8).every((result) => 'replaced' in result && result.replaced === 1))
      assert.deepEqual(collection.size, { documents: 9, passages: 9 })
    },
  },
  {
    name: 'ends a search whose signal is aborted',
    async check(open) {
      const collection = await open()
      await collection.write({ put: [documentOf('a', ['oak'])] })
      await assert.rejects(collection.search({ vector: along(0), terms: ['oak'], limit: 1 }, { signal: AbortSignal.abort() }), coded('TENON_ABORTED'))
    },
  },
  {
    name: 'refuses to be used once closed, and may be closed twice',
    async check(open) {
      const collection = await open()
      await collection.close()
      await collection.close()
      await assert.rejects(async () => collection.documents(), coded('TENON_DISPOSED'))
      await assert.rejects(async () => collection.write({ remove: ['a'] }), coded('TENON_DISPOSED'))
      await assert.rejects(async () => collection.search({ vector: along(0), terms: [], limit: 1 }), coded('TENON_DISPOSED'))
    },
  },
]

/** What a store must do that outlives its process, beside `storeCases`. */
export const lastingStoreCases: readonly StoreCase[] = [
  {
    name: 'holds what it held when it is opened again, ids included',
    async check(open) {
      const next = random(3)
      const first = await open()
      const reference = new StoreReference()
      for (let round = 0; round < 6; round++) {
        const change = { put: randomDocuments(next, 6, dimensions), remove: [] as string[] }
        if (round === 4) change.remove.push(...reference.documents().slice(0, 5).map(({ key }) => key).filter((key) => !change.put.some((document) => document.key === key)))
        await first.write(change)
        reference.write(change)
      }
      const query = { vector: unit([1, -1, 2, 0, 0, 1, 0, 3]), terms: ['word1', 'word2', '榫0', '榫3'], limit: 20 }
      const before = await first.search(query)
      await first.close()
      const second = await open()
      assert.deepEqual(second.size, reference.size)
      assert.deepEqual(await second.documents(), reference.documents())
      assert.deepEqual(await second.search(query), before)
      await assertSame(second, reference, query)
      await second.write({ put: [documentOf('last', ['word1'])] })
      const greatest = Math.max(...before.map(({ id }) => id))
      assert.ok((await second.search({ ...query, limit: 999 })).filter(({ document }) => document.key === 'last').every(({ id }) => id > greatest))
    },
  },
  {
    name: 'refuses another embedding model, and bears the noise of the same one',
    async check(open) {
      await (await open()).close()
      const contract = 'a lasting store asks checkEmbedder from its first opening on, also while it is empty'
      await assert.rejects(open({ dimensions: 4, sample: async () => unit([1, 2, 3, 4]) }), coded('TENON_EMBEDDER_MISMATCH'), contract)
      await assert.rejects(open({ dimensions, sample: async () => unit([8, 7, 6, 5, 4, 3, 2, 1]) }), coded('TENON_EMBEDDER_MISMATCH'), contract)
      const again = await open({ dimensions, sample: async () => unit([1.01, 2, 3, 4.02, 5, 6, 7, 8]) })
      assert.deepEqual(again.size, { documents: 0, passages: 0 })
    },
  },
]
