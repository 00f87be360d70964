import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createRuntime, type Filter, type Store, type Task } from '@tenon/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore, knowledgeBase, memoryStore, plainText, type KnowledgeBaseOptions } from './index.js'
import { hashEmbedder } from './testing/hash-embedder.js'

let folder: string
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tenon-incremental-')))
})
afterEach(() => rm(folder, { recursive: true }))

const at = (name: string) => join(folder, name)

async function write(files: Record<string, string>) {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(at(name)), { recursive: true })
    await writeFile(at(name), content)
  }
}

/** A knowledge base over `store`, and how many texts were embedded so far. */
async function create(options: KnowledgeBaseOptions = {}, embedder = hashEmbedder()) {
  const embedding: Task<'embedding', object, typeof embedder> = { kind: 'task', version: 'v1', name: 'embedding', create: async () => embedder }
  const runtime = createRuntime({ plugins: [embedding, knowledgeBase()] })
  const base = await runtime.task('knowledge-base', { model: 'none', ...options })
  const embedded = () => embedder.calls.reduce((sum, texts) => sum + texts.length, 0)
  return { base, embedded, dispose: () => runtime.dispose() }
}

type Base = Awaited<ReturnType<typeof create>>['base']
const sourcesOf = async (base: Base, filter?: Filter) => (await base.search('oak', { topK: 99, ...(filter && { filter }) })).map(({ source }) => source.replace(`${folder}/`, '')).toSorted()

describe('adding again', () => {
  it('reads and embeds only what has changed', async () => {
    await write({ 'docs/a.txt': 'Oak dries.', 'docs/b.md': '# Oak\n\nPine is no oak.', 'docs/c/d.txt': 'Oak is hard.' })
    const { base, embedded } = await create()
    expect(await base.add(at('docs'))).toMatchObject({ documents: 3, replaced: 0, unchanged: 0 })
    const before = embedded()
    expect(await base.add(at('docs'))).toEqual({ documents: 0, replaced: 0, unchanged: 3, removed: 0, passages: 0, skipped: [] })
    await write({ 'docs/a.txt': 'Oak dries slowly.', 'docs/e.txt': 'Oak.' })
    expect(await base.add([at('docs')])).toEqual({ documents: 2, replaced: 1, unchanged: 2, removed: 0, passages: 2, skipped: [] })
    expect(embedded() - before).toBe(2)
    expect(base.size).toEqual({ documents: 4, passages: 4 })
  })

  it('knows documents from memory, too', async () => {
    const { base } = await create()
    await base.add([{ source: 'note', text: 'Oak.' }])
    expect(await base.add([{ source: 'note', text: 'Oak.' }])).toMatchObject({ documents: 0, unchanged: 1 })
    expect(await base.add([{ source: 'note', text: 'Oak.', format: '.md' }])).toMatchObject({ documents: 1, replaced: 1 })
  })

  it('takes the later of two with one name', async () => {
    const { base } = await create()
    await base.add([{ source: 'note', text: 'Oak one.' }])
    expect(await base.add([{ source: 'note', text: 'Oak two.' }, { source: 'note', text: 'Oak one.' }])).toMatchObject({ documents: 0, unchanged: 1 })
    expect(await base.search('oak')).toMatchObject([{ text: 'Oak one.' }])
  })

  it('reads again what another reader, another version of it or another passage length would make something else of', async () => {
    await write({ 'a.txt': 'Oak dries. Pine does. Elm does not. '.repeat(8) })
    const store = fileStore(at('kb'))
    const added = async (options: KnowledgeBaseOptions) => {
      const { base, dispose } = await create({ store, ...options })
      const { documents, unchanged } = await base.add(at('a.txt'))
      await dispose()
      return documents === 1 && unchanged === 0
    }
    expect(await added({})).toBe(true)
    expect(await added({})).toBe(false)
    expect(await added({ readers: [{ ...plainText, version: '2' }] })).toBe(true)
    expect(await added({ readers: [{ ...plainText, version: '2' }] })).toBe(false)
    expect(await added({ readers: [{ ...plainText, version: '2' }], passageLength: 20 })).toBe(true)
    expect(await added({})).toBe(true)
  })

  it('still refuses a folder where nothing can be read, and takes one where nothing has changed', async () => {
    await write({ 'x/a.bin': 'x', 'y/a.txt': 'Oak.' })
    const { base } = await create()
    await expect(base.add(at('x'))).rejects.toMatchObject({ code: 'TENON_NO_DOCUMENTS' })
    await base.add(at('y'))
    expect(await base.add(at('y'))).toMatchObject({ unchanged: 1 })
  })

  it('removes what is gone from below a folder when asked to, and nothing else', async () => {
    await write({ 'docs/a.txt': 'Oak.', 'docs/sub/b.txt': 'Oak.', 'docs2/c.txt': 'Oak.', 'docs/big.txt': 'Oak.' })
    const { base } = await create({ maxFileBytes: 100 })
    await base.add([at('docs'), at('docs2')])
    await base.add([{ source: at('docs/memory.txt'), text: 'Oak.' }])
    await rm(at('docs/sub'), { recursive: true })
    await rm(at('docs2/c.txt'))
    await write({ 'docs/big.txt': 'x'.repeat(200), 'docs/new.txt': 'Oak.' })
    expect(await base.add(at('docs'))).toMatchObject({ documents: 1, removed: 0 })
    expect(await base.add(at('docs'), { prune: true })).toMatchObject({ documents: 0, unchanged: 2, removed: 1, skipped: [{ source: at('docs/big.txt') }] })
    expect(await sourcesOf(base)).toEqual(['docs/a.txt', 'docs/big.txt', 'docs/memory.txt', 'docs/new.txt', 'docs2/c.txt'])
    await rm(at('docs/a.txt'))
    await rm(at('docs/new.txt'))
    await rm(at('docs/big.txt'))
    expect(await base.add(at('docs'), { prune: true })).toMatchObject({ documents: 0, unchanged: 0, removed: 3 })
  })

  it('leaves everything as it was when the embedding fails half way, removals included', async () => {
    await write({ 'docs/a.txt': 'Oak.', 'docs/b.txt': 'Oak b.' })
    let fail = false
    const { base } = await create({}, hashEmbedder({ before: () => (fail ? Promise.reject(new Error('out of memory')) : undefined) }))
    await base.add(at('docs'))
    await rm(at('docs/b.txt'))
    await write({ 'docs/a.txt': 'Pine.' })
    fail = true
    await expect(base.add(at('docs'), { prune: true })).rejects.toThrow('out of memory')
    fail = false
    expect(await sourcesOf(base)).toEqual(['docs/a.txt', 'docs/b.txt'])
    expect((await base.search('oak'))[0]).toMatchObject({ text: 'Oak.' })
  })
})

describe('removing and listing', () => {
  it('removes by file, by folder, by name and by key, also what is gone', async () => {
    await write({ 'docs/a.txt': 'Oak.', 'docs/sub/b.txt': 'Oak.', 'docs/sub/c.txt': 'Oak.', 'docs/subway.txt': 'Oak.' })
    const { base } = await create()
    await base.add(at('docs'))
    await base.add([{ source: 'note', text: 'Oak.' }, { source: 'other', text: 'Oak.' }])
    await rename(at('docs'), at('moved'))
    expect(await base.remove(at('docs/a.txt'))).toEqual({ documents: 1 })
    expect(await base.remove([`${at('docs/sub')}/`, 'note'])).toEqual({ documents: 3 })
    expect(await base.remove('nothing')).toEqual({ documents: 0 })
    const left = await base.documents()
    expect(left).toEqual([
      { key: `file ${at('docs/subway.txt')}`, source: at('docs/subway.txt'), metadata: {}, passages: 1 },
      { key: 'memory other', source: 'other', metadata: {}, passages: 1 },
    ])
    expect(await base.remove(left.map(({ key }) => key))).toEqual({ documents: 2 })
    expect(base.size).toEqual({ documents: 0, passages: 0 })
  })

  it('knows a file by its true place, whatever path leads there', async () => {
    await write({ 'docs/a.txt': 'Oak.' })
    await symlink(at('docs'), at('link'))
    const { base } = await create()
    await base.add(at('link'))
    expect(await base.add(at('docs'))).toMatchObject({ unchanged: 1 })
    expect((await base.documents()).map(({ source }) => source)).toEqual([at('docs/a.txt')])
    expect(await base.remove(at('link/a.txt'))).toEqual({ documents: 1 })
  })

  it('refuses what names nothing', async () => {
    const { base } = await create()
    for (const what of ['', [''], [undefined]]) await expect(base.remove(what as string)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
  })
})

describe('metadata', () => {
  it('are what searches and answers filter by, and come back with passages', async () => {
    await write({ 'en/a.txt': 'Oak dries in one year.', 'zh/b.txt': 'Oak dries in two years.' })
    const { base } = await create()
    await base.add(at('en'), { metadata: { lang: 'en', year: 2020 } })
    await base.add(at('zh'), { metadata: { lang: 'zh', year: 2024 } })
    await base.add([{ source: 'note', text: 'Oak.', metadata: { year: 2022 } }], { metadata: { lang: 'en', year: 1 } })
    expect(await sourcesOf(base, { lang: 'en' })).toEqual(['en/a.txt', 'note'])
    expect(await sourcesOf(base, { lang: { in: ['zh', 'fr'] } })).toEqual(['zh/b.txt'])
    expect(await sourcesOf(base, { year: { gte: 2020, lt: 2024 } })).toEqual(['en/a.txt', 'note'])
    expect((await base.search('oak', { filter: { lang: 'zh' } }))[0]?.metadata).toEqual({ lang: 'zh', year: 2024 })
    const answer = await base('How many years does oak dry?', { filter: { lang: 'zh' } })
    expect(answer).toMatchObject({ found: true, answer: 'Oak dries in two years.', alternatives: [] })
    expect(await base('How many years does oak dry?', { filter: { lang: 'fr' } })).toEqual({ found: false, answer: null, score: 0, alternatives: [] })
  })

  it('change without embedding again, and stay when nothing is said of them', async () => {
    await write({ 'a.txt': 'Oak.' })
    const { base, embedded } = await create()
    await base.add(at('a.txt'), { metadata: { lang: 'en' } })
    const before = embedded()
    expect(await base.add(at('a.txt'), { metadata: { lang: 'zh' } })).toMatchObject({ unchanged: 1 })
    expect(embedded()).toBe(before)
    expect(await base.documents()).toMatchObject([{ metadata: { lang: 'zh' } }])
    await write({ 'a.txt': 'Oak again.' })
    await base.add(at('a.txt'))
    expect((await base.documents())[0]?.metadata).toEqual({ lang: 'zh' })
    await base.add(at('a.txt'), { metadata: {} })
    expect((await base.documents())[0]?.metadata).toEqual({})
  })

  it('are refused where a store could not hold or compare them, and so are filters', async () => {
    const { base } = await create()
    const invalid = expect.objectContaining({ code: 'TENON_INVALID_INPUT' })
    for (const metadata of [{ a: null }, { a: ['x'] }, { a: Number.NaN }, { a: '\ud83d' }, { a: '\0' }, { '\0': 1 }, 'en', ['en']]) {
      await expect(base.add([{ source: 'x', text: 'Oak.' }], { metadata: metadata as object as never })).rejects.toEqual(invalid)
    }
    await expect(base.add([{ source: 'x\0', text: 'Oak.' }])).rejects.toEqual(invalid)
    await expect(base.add([{ source: 'x', text: 'Oak.', metadata: { a: undefined } as never }])).rejects.toEqual(invalid)
    for (const filter of [{ a: {} }, { a: { gte: true } }, { a: { from: 1 } }, { a: { in: 'x' } }, { a: { in: [null] } }, { a: { in: [], gt: 1 } }, { a: null }, 'en']) {
      await expect(base.search('oak', { filter: filter as object as never })).rejects.toEqual(invalid)
      await expect(base('oak', { filter: filter as object as never })).rejects.toEqual(invalid)
    }
  })
})

describe('a knowledge base in a folder', () => {
  it('answers the same when it is opened again, and embeds nothing but the question', async () => {
    await write({ 'docs/a.md': '# Oak\n\nOak should dry for one year before use. Pine needs half of that.', 'docs/b.txt': '榫头插入卯眼，不用铁钉。' })
    const question = 'How long should oak dry before use?'
    const first = await create({ store: fileStore(at('kb')) })
    await first.base.add(at('docs'), { metadata: { lang: 'en' } })
    const answer = await first.base(question)
    const passages = await first.base.search('榫头')
    await first.dispose()
    const { base, embedded, dispose } = await create({ store: fileStore(at('kb')) })
    expect(base.size).toEqual({ documents: 2, passages: 2 })
    expect(await base(question)).toEqual(answer)
    expect(answer).toMatchObject({ found: true, answer: 'Oak should dry for one year before use.' })
    expect(await base.search('榫头')).toEqual(passages)
    const before = embedded()
    expect(await base.add(at('docs'))).toMatchObject({ documents: 0, unchanged: 2 })
    expect(embedded()).toBe(before)
    await dispose()
    await expect(base.search('oak')).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
  })

  it('says that it was made with another model, and keeps what it has', async () => {
    const { base, dispose } = await create({ store: fileStore(at('kb')) })
    await base.add([{ source: 'note', text: 'Oak.' }])
    await dispose()
    const other = hashEmbedder()
    const reversed = Object.assign((async (texts: string) => (await other(texts)).toReversed()) as unknown as typeof other, { dimensions: other.dimensions, maxLength: 256, calls: [] })
    await expect(create({ store: fileStore(at('kb')) }, reversed)).rejects.toMatchObject({ code: 'TENON_EMBEDDER_MISMATCH', message: expect.stringMatching(/another embedding model.*new store/s) })
    expect((await create({ store: fileStore(at('kb')) })).base.size.documents).toBe(1)
  })
})

it('takes only what is a store', async () => {
  for (const store of [{}, './kb', { ...memoryStore(), version: 'v2' }, null]) {
    expect(() => knowledgeBase({ store: store as Store })).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION', option: 'store' }))
  }
})
