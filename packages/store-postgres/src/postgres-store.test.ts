import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewDocument, Store } from '@tenon/core'
import { memoryStore } from '@tenon/task-qa'
import { documentOf, testEmbedder, testStore } from '@tenon/testing'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from './database.js'
import { embeddedDatabase } from './embedded-database.js'
import { createPostgresStore, postgresStore } from './postgres-store.js'
import { serverDatabase } from './server-database.js'

// One database for all, since making one takes seconds: each test has a schema of its own.
const embedded = embeddedDatabase(undefined)
afterAll(async () => (await embedded).close())

let schemas = 0
const freshSchema = () => `test_${process.pid}_${++schemas}`

function embeddedStore(schema: string, index: 'exact' | 'hnsw' = 'exact'): Store {
  return createPostgresStore(async () => ({ ...(await embedded), close: async () => undefined }), { name: 'Postgres', schema, index })
}

describe('the embedded Postgres', () => {
  testStore({ describe, it, afterAll }, { create: () => embeddedStore(freshSchema()), lasting: true })

  it('holds keys and terms that are longer than an index takes', async () => {
    const collection = await embeddedStore(freshSchema()).open(testEmbedder)
    const [key, term] = ['k'.repeat(10_000), 't'.repeat(20_000)]
    const long = documentOf(key, [`${term} oak`])
    await collection.write({ put: [long, documentOf(`${key}2`, [`${term}2`])] })
    expect(await collection.frequencies([term, `${term}2`, `${term}3`])).toEqual([1, 1, 0])
    expect(await collection.write({ put: [long] })).toEqual({ replaced: 1, removed: 0 })
    expect((await collection.documents()).map((document) => document.key)).toEqual([`${key}2`, key])
  })

  it('refuses a schema that a newer release wrote, naming both formats', async () => {
    const schema = freshSchema()
    await (await embeddedStore(schema).open(testEmbedder)).close()
    await (await embedded).query(`update "${schema}".collection set format = 9`)
    await expect(embeddedStore(schema).open(testEmbedder)).rejects.toMatchObject({ code: 'TENON_NEWER_STORE', found: 9, supported: 1 })
    expect(await (await embedded).query(`select format from "${schema}".collection`)).toEqual([{ format: 9 }])
  })

  it('makes nothing when it cannot make all', async () => {
    const schema = freshSchema()
    await expect(embeddedStore(schema).open({ dimensions: 8, sample: () => Promise.reject(new Error('no model')) })).rejects.toMatchObject({ code: 'TENON_STORE_FAILED', message: expect.stringContaining('no model') })
    expect(await (await embedded).query('select 1 from pg_namespace where nspname = $1', [schema])).toEqual([])
  })

  it('finds by an HNSW index nearly what a full search finds, with the same scores, also behind a filter', async () => {
    const documents = Array.from({ length: 40 }, (_, index): NewDocument => {
      const document = documentOf(`d${index}`, Array.from({ length: 25 }, (_text, at) => `word${(index * 25 + at) % 7}`), { metadata: { even: index % 2 === 0 } })
      return { ...document, passages: document.passages.map((passage, at) => ({ ...passage, vector: pseudoUnit(index * 25 + at) })) }
    })
    const [exact, approximate] = await Promise.all([memoryStore().open(testEmbedder), embeddedStore(freshSchema(), 'hnsw').open(testEmbedder)])
    for (const collection of [exact, approximate]) await collection.write({ put: documents })
    let found = 0
    let wanted = 0
    for (let query = 0; query < 20; query++) {
      for (const filter of [undefined, { even: true }]) {
        const search = { vector: pseudoUnit(5_000 + query), terms: [], limit: 10, ...(filter && { filter }) }
        const expected = new Map((await exact.search(search)).map((candidate) => [candidate.id, candidate]))
        const got = await approximate.search(search)
        expect(got).toHaveLength(10)
        const right = got.filter(({ id }) => expected.has(id))
        for (const { id, cosine } of right) expect(cosine).toBeCloseTo(expected.get(id)?.cosine as number, 5)
        expect(got.filter(({ document }) => filter !== undefined && document.metadata.even !== true)).toEqual([])
        found += right.length
        wanted += expected.size
      }
    }
    expect(found / wanted).toBeGreaterThan(0.95)
  })
})

/** The same vector for the same number, in no direction that another has. */
function pseudoUnit(seed: number): Float32Array {
  const values = Array.from({ length: testEmbedder.dimensions }, (_, axis) => Math.sin(seed * 12.9898 + axis * 78.233))
  const norm = Math.hypot(...values)
  return Float32Array.from(values, (value) => value / norm)
}

describe('a folder', () => {
  let folder: string
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'tenon-postgres-')), 'kb')
  })
  afterEach(() => rm(join(folder, '..'), { recursive: true }))

  it('holds what was committed when the database dies in the middle of an update, and is one process at a time', { timeout: 120_000 }, async () => {
    const first = await postgresStore({ folder }).open(testEmbedder)
    await first.write({ put: [documentOf('old', ['oak']), documentOf('replaced', ['ash'])] })
    const beside = await postgresStore({ folder }).open(testEmbedder)
    expect(beside.size).toEqual({ documents: 2, passages: 2 })
    await first.close()
    expect((await beside.documents()).map(({ key }) => key)).toEqual(['old', 'replaced'])
    await beside.close()

    const database = await embeddedDatabase(folder)
    const dying = await createPostgresStore(async () => database, { name: 'Postgres', schema: 'tenon', index: 'exact' }).open(testEmbedder)
    const many = Array.from({ length: 300 }, (_, index) => documentOf(`n${index}`, ['elm']))
    const update = dying.write({ put: [documentOf('replaced', ['fir']), ...many], remove: ['old'] }, { onProgress: (done) => done > 100 && void database.kill() })
    await expect(update).rejects.toMatchObject({ code: 'TENON_STORE_FAILED', message: expect.stringMatching(/writing: the embedded database has ended.*all of this change or nothing/) })
    await expect(dying.search({ vector: new Float32Array(8), terms: [], limit: 1 })).rejects.toMatchObject({ code: 'TENON_STORE_FAILED' })

    const survived = await postgresStore({ folder }).open(testEmbedder)
    expect((await survived.documents()).map(({ key }) => key)).toEqual(['old', 'replaced'])
    expect(await survived.frequencies(['oak', 'ash', 'elm', 'fir'])).toEqual([1, 1, 0, 0])
    const lock = JSON.parse(await readFile(`${folder}.lock`, 'utf8')) as object
    await survived.close()

    // Another process has it: its parent, which lives.
    await writeFile(`${folder}.lock`, JSON.stringify({ ...lock, process: process.ppid }))
    await expect(postgresStore({ folder }).open(testEmbedder)).rejects.toMatchObject({ code: 'TENON_STORE_FAILED', message: expect.stringContaining(`process ${process.ppid} on ${hostname()} has it open`) })
    // One that is gone has left its lock behind.
    await writeFile(`${folder}.lock`, JSON.stringify({ ...lock, process: 2 ** 22 + 1 }))
    const again = await postgresStore({ folder }).open(testEmbedder)
    expect(again.size.documents).toBe(2)
    await again.close()
    await expect(readFile(`${folder}.lock`)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

const url = process.env.TENON_POSTGRES_URL

describe.skipIf(url === undefined)(`a Postgres server${url === undefined ? ': SKIPPED, TENON_POSTGRES_URL names none' : ''}`, () => {
  const made: string[] = []
  const serverSchema = () => made[made.push(freshSchema()) - 1] as string
  const store = (schema: string) => postgresStore({ connection: url as string, schema })
  const administer = async <T>(work: (database: Database) => Promise<T>) => {
    const database = await serverDatabase(url as string, 'test')
    return work(database).finally(() => database.close())
  }
  afterAll(() => administer(async (database) => {
    for (const schema of made) await database.query(`drop schema if exists "${schema}" cascade`)
  }))

  testStore({ describe, it, afterAll }, { create: () => store(serverSchema()), lasting: true })

  it('loses nothing when the connection is cut in the middle of an update, and goes on with another', async () => {
    const schema = serverSchema()
    const collection = await store(schema).open(testEmbedder)
    await collection.write({ put: [documentOf('old', ['oak'])] })
    let cut: Promise<unknown> | undefined
    const many = Array.from({ length: 500 }, (_, index) => documentOf(`n${index}`, ['elm']))
    const update = collection.write({ put: many, remove: ['old'] }, {
      onProgress: () => (cut ??= administer((database) => database.query("select pg_terminate_backend(pid) from pg_stat_activity where query like $1 and pid <> pg_backend_pid()", [`%"${schema}"%`]))),
    })
    await expect(update).rejects.toMatchObject({ code: 'TENON_STORE_FAILED' })
    await cut
    expect((await collection.documents()).map(({ key }) => key)).toEqual(['old'])
    expect(await collection.write({ put: many, remove: ['old'] })).toEqual({ replaced: 0, removed: 1 })
    expect(await collection.frequencies(['oak', 'elm'])).toEqual([0, 500])
    await collection.close()
  })

  it('takes the writes of many at once, one after another', async () => {
    const schema = serverSchema()
    const collections = await Promise.all(Array.from({ length: 4 }, () => store(schema).open(testEmbedder)))
    await Promise.all(collections.map((collection, index) => collection.write({ put: [documentOf('same', ['oak']), documentOf(`${index}`, ['elm'])] })))
    for (const collection of collections) {
      expect((await collection.documents()).map(({ key }) => key).toSorted()).toEqual(['0', '1', '2', '3', 'same'])
      expect(await collection.frequencies(['oak', 'elm'])).toEqual([1, 4])
      await collection.close()
    }
  })
})

describe('postgresStore', () => {
  it('says what it cannot reach, and no password', async () => {
    const error: unknown = await postgresStore({ connection: 'postgres://me:secret@127.0.0.1:1/kb' }).open(testEmbedder).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'TENON_STORE_FAILED', message: expect.stringMatching(/Postgres at 127\.0\.0\.1:1\/kb failed while opening: .*ECONNREFUSED.*Check that the database runs/) })
    expect((error as Error).message).not.toContain('secret')
  })

  it('names the package that is missing', async () => {
    const missing = serverDatabase('postgres://localhost/kb', 'Postgres', () => Promise.reject(new Error("Cannot find package 'pg'")))
    await expect(missing).rejects.toMatchObject({ code: 'TENON_STORE_FAILED', remedy: expect.stringContaining('npm install pg') })
  })

  it.each([
    [{ schema: 'a"b' }, 'schema'],
    [{ schema: '' }, 'schema'],
    [{ index: 'ivfflat' }, 'index'],
    [{ connection: '' }, 'connection'],
    [{ folder: 3 }, 'folder'],
    [{ connection: 'postgres://localhost', folder: './kb' }, 'folder'],
    [{ url: 'postgres://localhost' }, 'url'],
  ])('refuses %o', (options, option) => {
    expect(() => postgresStore(options as object)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION', option }))
  })
})
