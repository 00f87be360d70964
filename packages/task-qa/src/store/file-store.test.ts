import * as promises from 'node:fs/promises'
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Collection } from '@tenon/core'
import { documentOf, testEmbedder, testStore } from '@tenon/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileStore, fileStore } from './file-store.js'
import type { Files } from './files.js'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'tenon-store-')), 'kb')
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

const open = () => fileStore(folder).open(testEmbedder)
const keysOf = async (collection: Collection) => (await collection.documents()).map(({ key }) => key).toSorted()

/** Every file and its bytes. */
async function snapshot(): Promise<Record<string, string>> {
  const names = await readdir(folder)
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')])))
}

async function only(pattern: RegExp): Promise<string> {
  const [name, ...others] = (await readdir(folder)).filter((each) => pattern.test(each))
  expect(others).toEqual([])
  return join(folder, name as string)
}

/** A file system on which `step` is asked before each operation; a write for which it throws has written half. */
function faulty(step: (operation: string) => void): Files {
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(_, name) {
        const member = (target as Record<string | symbol, unknown>)[name]
        if (typeof member !== 'function') return member
        const operation = async (...args: unknown[]) => (member as (...args: unknown[]) => unknown).apply(target, args)
        return async (...args: unknown[]) => {
          try {
            step(String(name))
          } catch (error) {
            if (name === 'write') await operation(args[0], args[1], (args[2] as number) >> 1)
            if (name === 'writeFile') await operation((args[0] as Buffer).subarray(0, (args[0] as Buffer).length >> 1))
            if (name === 'close') await operation()
            throw error
          }
          const result = await operation(...args)
          return name === 'open' ? wrap(result as object) : result
        }
      },
    })
  return wrap(promises)
}

describe('the file store', () => {
  testStore({ describe, it }, { create: () => fileStore(folder), lasting: true })

  it('keeps what it had or has what it was given, at whatever moment the process dies', async () => {
    const first = await open()
    await first.write({ put: [documentOf('old', ['oak']), documentOf('replaced', ['ash'])] })
    await first.close()
    const copy = `${folder}-before`
    await cp(folder, copy, { recursive: true })
    const outcomes = new Set<string>()
    for (let fatal = 1; ; fatal++) {
      await rm(folder, { recursive: true })
      await cp(copy, folder, { recursive: true })
      let steps = -Infinity
      const collection = await createFileStore(folder, faulty(() => {
        if (++steps >= fatal) throw Object.assign(new Error('the process is gone'), { code: 'EIO' })
      })).open(testEmbedder)
      steps = 0
      await collection.write({ put: [documentOf('new', ['elm']), documentOf('replaced', ['fir'])], remove: ['old'] }).catch(() => undefined)
      const survived = await open()
      const keys = await keysOf(survived)
      outcomes.add(keys.join(' '))
      expect([['old', 'replaced'], ['new', 'replaced']]).toContainEqual(keys)
      expect(await survived.frequencies(['oak', 'ash', 'elm', 'fir'])).toEqual(keys.includes('old') ? [1, 1, 0, 0] : [0, 0, 1, 1])
      await survived.write({ put: [documentOf('later', ['yew'])] })
      expect(await readdir(folder)).toHaveLength(1 + (await segmentsOf()).length)
      if (steps < fatal) break
    }
    expect(outcomes.size).toBe(2)
  })

  const segmentsOf = async () => (await readdir(folder)).filter((name) => name.endsWith('.bin'))

  it('says what failed, holds what it held, and can be used on, whichever operation fails', async () => {
    for (let failing = 1, failed = true; failed; failing++) {
      await rm(folder, { recursive: true, force: true })
      let steps = -Infinity
      failed = false
      const collection = await createFileStore(folder, faulty(() => {
        if (++steps !== failing) return
        failed = true
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      })).open(testEmbedder)
      await collection.write({ put: [documentOf('a', ['oak'])] })
      steps = 0
      const failure: unknown = await collection.write({ put: [documentOf('b', ['elm'])] }).then(() => undefined, (error: unknown) => error)
      steps = -Infinity
      // What fails once the change is made is no failure of it.
      expect([undefined, expect.objectContaining({ code: 'TENON_STORE_FAILED', store: folder, message: expect.stringContaining('no space left') })]).toContainEqual(failure)
      const keys = failure === undefined ? ['a', 'b'] : ['a']
      expect(await keysOf(collection)).toEqual(keys)
      expect(await keysOf(await open())).toEqual(keys)
      await collection.write({ put: [documentOf('c', ['ash'])] })
      expect(await keysOf(await open())).toEqual([...keys, 'c'])
    }
  })

  it('has its files on the disk before they count, and the name that makes them count before it says so', async () => {
    const operations: string[] = []
    const collection = await createFileStore(folder, faulty((operation) => operations.push(operation))).open(testEmbedder)
    operations.length = 0
    await collection.write({ put: [documentOf('a', ['oak'])] })
    const link = operations.indexOf('link')
    const times = (operation: string, list: readonly string[]) => list.filter((each) => each === operation).length
    // A segment and a manifest.
    expect([times('open', operations.slice(0, link)), times('sync', operations.slice(0, link))]).toEqual([2, 2])
    expect(times('sync', operations.slice(link))).toBe(1)
  })

  it('tells the second of two writers that the first was there, and loses nothing of the first', async () => {
    const [one, other, late] = [await open(), await open(), await open()]
    await one.write({ put: [documentOf('a', ['oak'])] })
    await expect(other.write({ put: [documentOf('b', ['elm'])] })).rejects.toMatchObject({ code: 'TENON_STORE_CHANGED' })
    await one.write({ put: [documentOf('c', ['ash'])] })
    // The generation that this one would make was made, and tidied away.
    await expect(late.write({ put: [documentOf('d', ['fir'])] })).rejects.toMatchObject({ code: 'TENON_STORE_CHANGED' })
    expect(await other.documents()).toEqual([])
    const again = await open()
    await again.write({ put: [documentOf('b', ['elm'])] })
    expect(await keysOf(await open())).toEqual(['a', 'b', 'c'])
  })

  it('lets one of many writers at once win each time', async () => {
    await (await open()).close()
    const writers = await Promise.all(Array.from({ length: 8 }, open))
    const results = await Promise.allSettled(writers.map((writer, index) => writer.write({ put: [documentOf(`${index}`, ['oak'])] })))
    const winner = results.findIndex(({ status }) => status === 'fulfilled')
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await keysOf(await open())).toEqual([`${winner}`])
  })

  it('is made by one of many who open it at once', async () => {
    const collections = await Promise.all(Array.from({ length: 6 }, open))
    for (const collection of collections) expect(collection.size).toEqual({ documents: 0, passages: 0 })
    expect(await readdir(folder)).toEqual(['manifest-1.jsonl'])
  })

  it('believes the folder rather than an answer that was lost on the way', async () => {
    const files: Files = { ...promises, link: async (...args) => promises.link(...args).then(() => Promise.reject(Object.assign(new Error('exists'), { code: 'EEXIST' }))) }
    const collection = await createFileStore(folder, files).open(testEmbedder)
    await collection.write({ put: [documentOf('a', ['oak'])] })
    expect(await keysOf(await open())).toEqual(['a'])
  })

  it('works on file systems without hard links', async () => {
    const files: Files = { ...promises, link: async () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' })) }
    const [one, other] = [await createFileStore(folder, files).open(testEmbedder), await createFileStore(folder, files).open(testEmbedder)]
    await one.write({ put: [documentOf('a', ['oak'])] })
    await expect(other.write({ put: [documentOf('b', ['elm'])] })).rejects.toMatchObject({ code: 'TENON_STORE_CHANGED' })
    expect(await keysOf(await open())).toEqual(['a'])
  })

  it('refuses a damaged file, whichever and wherever, and leaves all as it is', async () => {
    await (await open()).write({ put: [documentOf('a', ['oak', 'elm']), documentOf('b', ['ash'])] })
    for (const path of [await only(/\.bin$/), await only(/\.jsonl$/)]) {
      const whole = await readFile(path)
      const damages: [string, () => Promise<unknown>][] = [
        ['cut short', () => truncate(path, whole.length - 1)],
        ['empty', () => truncate(path, 0)],
        ['too long', () => writeFile(path, Buffer.concat([whole, Buffer.from('x')]))],
        ...[0, 1, 0.25, 0.5, 0.75, 0.999].map((place): [string, () => Promise<unknown>] => [`a bit turned at ${place}`, () => {
          const at = place === 1 ? whole.length - 2 : Math.floor(place * whole.length)
          return writeFile(path, whole.map((byte, index) => (index === at ? byte ^ 4 : byte)))
        }]),
      ]
      for (const [what, damage] of damages) {
        await damage()
        const before = await snapshot()
        await expect(open(), `${path} ${what}`).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', path })
        expect(await snapshot()).toEqual(before)
      }
      await writeFile(path, whole)
    }
    expect((await open()).size).toEqual({ documents: 2, passages: 3 })
  })

  it('refuses a folder whose manifest or segment is missing', async () => {
    await (await open()).write({ put: [documentOf('a', ['oak'])] })
    const [segment, manifest] = [await only(/\.bin$/), await only(/\.jsonl$/)]
    const bytes = await readFile(segment)
    await rm(segment)
    await expect(open()).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', path: segment })
    await writeFile(segment, bytes)
    await rm(manifest)
    await expect(open()).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', path: folder })
  })

  it('refuses what a newer release wrote, naming both formats, and leaves it as it is', async () => {
    await (await open()).write({ put: [documentOf('a', ['oak'])] })
    const path = await only(/\.jsonl$/)
    const text = (await readFile(path, 'utf8')).replace('"version":1', '"version":7')
    await writeFile(path, text)
    const before = await snapshot()
    await expect(open()).rejects.toMatchObject({ code: 'TENON_NEWER_STORE', found: 7, supported: 1, message: expect.stringMatching(/format 7.*up to 1/) })
    expect(await snapshot()).toEqual(before)
  })

  it('refuses what was written in the other byte order', async () => {
    await (await open()).close()
    const path = await only(/\.jsonl$/)
    const body = (await readFile(path, 'utf8')).replace(/\n\d+\n$/, '\n').replace(/"byteOrder":"(?:LE|BE)"/, '"byteOrder":"ME"')
    await writeFile(path, `${body}${crc32(body)}\n`)
    await expect(open()).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('byte order') })
  })

  it('says that a path is no folder, and takes none that is empty', async () => {
    await writeFile(folder, 'a file')
    await expect(open()).rejects.toMatchObject({ code: 'TENON_STORE_FAILED', message: expect.stringContaining('ENOTDIR') })
    expect(() => fileStore('')).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION' }))
  })

  it('has few segments after many writes, and gives space back', async () => {
    const collection = await open()
    for (let index = 0; index < 60; index++) await collection.write({ put: [documentOf(`${index}`, ['oak'])] })
    expect((await segmentsOf()).length).toBeLessThanOrEqual(6)
    expect(collection.size).toEqual({ documents: 60, passages: 60 })
    await collection.write({ remove: Array.from({ length: 59 }, (_, index) => `${index}`) })
    const reopened = await open()
    expect(await reopened.frequencies(['oak'])).toEqual([1])
    await reopened.write({ put: [documentOf('60', ['elm'])] })
    expect(await segmentsOf()).toHaveLength(1)
  })
})
