import { createHash } from 'node:crypto'
import { appendFile, copyFile, mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokenizer } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openFolder } from './folder.js'
import { GgufTokenizer } from './gguf/gguf-tokenizer.js'
import { openGgufFile } from './gguf/gguf-file.js'
import { ggufBytes, tinyMetadata, type TestValue } from './gguf/test-gguf.js'
import { FORM, keepTokenizer, keptPlace, openKeptTokenizer } from './kept-tokenizer.js'
import { requireTokenizers, type NativeTokenizers } from './native-tokenizers.js'
import { skimTokenizer } from './skim-tokenizer.js'
import { fixture, temporaryFolder } from './test-support.js'
import { tokenizers } from './test-tokenizers.js'
import { finishTokenizer, loadTokenizer } from './tokenizer.js'

const library = requireTokenizers()!

/** The bytes as GPT-2 writes them. */
const letters = Array.from({ length: 256 }, (_, byte) => byte).map((byte, _, all) => (isPrintable(byte) ? String.fromCharCode(byte) : String.fromCharCode(256 + all.slice(0, byte).filter((each) => !isPrintable(each)).length)))
function isPrintable(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
}

interface Bpe {
  readonly added_tokens: readonly object[]
  readonly model: { readonly type: string; readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly (string | readonly string[])[]; readonly ignore_merges?: boolean }
}
const bytePairs = (tokenizers as readonly Bpe[]).filter(({ model }) => model.type === 'BPE').map((json) => ({ ...json, model: { ...json.model, ignore_merges: false } }))
const byteLevel = JSON.parse(await readFile(join(fixture('tiny-byte-level-tokenizer'), 'tokenizer.json'), 'utf8')) as Bpe

/** The library, and the lengths of the texts that it was given on this thread. */
function watched(): { readonly library: NativeTokenizers; readonly lengths: readonly number[] } {
  const lengths: number[] = []
  const Tokenizer = {
    fromString(json: string) {
      lengths.push(json.length)
      return library.Tokenizer.fromString(json)
    },
  }
  return { library: { ...library, Tokenizer }, lengths }
}

async function keep(json: object, folder: string) {
  const path = join(folder, 'tokenizer.json')
  const text = JSON.stringify(json)
  await writeFile(path, text)
  const place = keptPlace(join(folder, 'kept'), path)
  await keepTokenizer(place, text, skimTokenizer(path, text), 0)
  return { path, place }
}

/** Texts that a vocabulary has more and less of. */
const texts = (json: Bpe) =>
  fc.sample(fc.array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...Object.keys(json.model.vocab), ...json.added_tokens.map((token) => (token as { content: string }).content)) }, fc.string({ unit: 'binary' }), fc.constantFrom(' ', '\n', 'tenon')), { maxLength: 8 }).map((parts) => parts.join('')), { numRuns: 200, seed: 7 })

async function sameAs(kept: Tokenizer, read: Tokenizer, json: Bpe): Promise<void> {
  const plain = ({ vocabularySize, addedTokens, special, maxLength, subwordPrefix, paddingSide }: Tokenizer) => ({ vocabularySize, addedTokens, special, maxLength, subwordPrefix, paddingSide })
  expect(plain(kept)).toEqual(plain(read))
  for (let id = 0; id < read.vocabularySize + 2; id++) expect(kept.tokenOf(id)).toBe(read.tokenOf(id))
  for (const text of texts(json)) {
    const [one, other] = [await kept.encode(text), await read.encode(text)]
    expect(one).toEqual(other)
    expect(await kept.decode(one.ids, { skipSpecialTokens: true })).toBe(await read.decode(one.ids, { skipSpecialTokens: true }))
    expect((await kept.encode(text, { specialTokens: 'text' })).ids).toEqual((await read.encode(text, { specialTokens: 'text' })).ids)
  }
}

/** A checkpoint with a vocabulary large enough to be kept. */
async function largeCheckpoint(): Promise<{ readonly folder: string; readonly json: Bpe }> {
  const folder = await temporaryFolder()
  const words = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`word${index.toString(36)}\u00e9"\\`, 10_000 + index]))
  const json = { ...byteLevel, model: { ...byteLevel.model, vocab: { ...byteLevel.model.vocab, ...words } } }
  await writeFile(join(folder, 'config.json'), '{"model_type":"none"}')
  await copyFile(fixture('written-by-python.safetensors'), join(folder, 'model.safetensors'))
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json, undefined, 1))
  return { folder, json }
}

/** Once what is written behind a caller's back is there. */
async function settled(folder: string, count: number): Promise<readonly string[]> {
  for (;;) {
    const names = await readdir(folder).catch(() => [])
    if (names.length >= count && !names.some((name) => name.endsWith('.tmp'))) return names
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('a tokenizer that is kept', () => {
  it.each([...bytePairs, byteLevel].map((json, index) => [index, json] as const))('is, and does, what the file says (%i)', async (_, json) => {
    const folder = await temporaryFolder()
    const { place } = await keep(json, folder)
    const kept = (await openKeptTokenizer(place, library))!
    expect(kept.json).toEqual({ ...json, model: { ...json.model, vocab: {}, merges: [] } })
    const files = { place: folder, read: async (file: string) => (file === 'tokenizer.json' ? JSON.stringify(json) : undefined) }
    await sameAs(await finishTokenizer(files, Promise.resolve({ library, place, kept: Promise.resolve(kept) })), await loadTokenizer(files), json)
  })

  it('is read from there the next time, by itself, and its vocabulary not on this thread', async () => {
    const { folder, json } = await largeCheckpoint()
    const cache = join(folder, 'cache')
    const first = watched()
    await using one = await openFolder(folder, { tokenizers: first.library, tokenizerCache: cache })
    const read = await one.tokenizer()
    await settled(cache, 3)
    const second = watched()
    await using other = await openFolder(folder, { tokenizers: second.library, tokenizerCache: cache, tokenizer: true })
    const began = second.lengths.length
    const kept = await other.tokenizer()
    expect([began, second.lengths.length]).toEqual([1, 1])
    expect(Math.max(...first.lengths)).toBeGreaterThan(500_000)
    expect(Math.max(...second.lengths)).toBeLessThan(10_000)
    await sameAs(kept, read, { ...json, model: byteLevel.model })
  })

  it('has a place for what others make of the vocabulary, which gives back what it was given or nothing', async () => {
    const { folder } = await largeCheckpoint()
    const tokenizerCache = join(folder, 'cache')
    await using one = await openFolder(folder, { tokenizerCache })
    const { derived } = await one.tokenizer()
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index)
    expect(derived!.read('lengths-1')).toBeUndefined()
    await derived!.write('lengths-1', bytes)
    const name = (await settled(tokenizerCache, 4)).find((each) => each.endsWith('.lengths-1'))!
    await using other = await openFolder(folder, { tokenizerCache })
    const again = (await other.tokenizer()).derived!
    expect(again.read('lengths-1')).toEqual(bytes)
    expect(again.read('lengths-2')).toBeUndefined()
    await writeFile(join(tokenizerCache, name), (await readFile(join(tokenizerCache, name))).with(500, 1))
    expect(again.read('lengths-1')).toBeUndefined()
    await truncate(join(tokenizerCache, name), 2)
    expect(again.read('lengths-1')).toBeUndefined()
  })

  it('has no place beside a vocabulary that is not kept', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'config.json'), '{"model_type":"none"}')
    await copyFile(fixture('written-by-python.safetensors'), join(folder, 'model.safetensors'))
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteLevel))
    await using small = await openFolder(folder, { tokenizerCache: join(folder, 'cache') })
    await (await small.tokenizer()).derived!.write('lengths-1', new Uint8Array(8))
    expect(await readdir(folder)).not.toContain('cache')
    await using none = await openFolder(folder, { tokenizerCache: false })
    expect((await none.tokenizer()).derived).toBeUndefined()
  })

  it('is kept of a GGUF file, too, whose vocabulary is not looked at the next time', async () => {
    const folder = await temporaryFolder()
    const cache = join(folder, 'cache')
    const words = Array.from({ length: 60_000 }, (_, index) => `Ġword${index.toString(36)}`)
    const tokens = [...letters, 'th', 'the', '<|endoftext|>', ...words]
    const metadata: (readonly [string, TestValue])[] = [
      ...tinyMetadata,
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.pre', 'gpt-2'],
      ['tokenizer.ggml.tokens', ['string', tokens]],
      ['tokenizer.ggml.token_type', ['int32', tokens.map((token) => (token === '<|endoftext|>' ? 3 : 1))]],
      ['tokenizer.ggml.merges', ['string', ['t h', 'th e']]],
      ['tokenizer.ggml.eos_token_id', ['uint32', tokens.indexOf('<|endoftext|>')]],
    ]
    const path = join(folder, 'model.gguf')
    await writeFile(path, ggufBytes({ metadata, tensors: [{ name: 'token_embd.weight', dimensions: [4, tokens.length], data: new Uint8Array(16 * tokens.length) }] }))
    const first = watched()
    await using one = await openFolder(path, { tokenizers: first.library, tokenizerCache: cache })
    const read = await one.tokenizer()
    await settled(cache, 3)
    const second = watched()
    await using other = await openFolder(path, { tokenizers: second.library, tokenizerCache: cache })
    const kept = await other.tokenizer()
    expect(Math.max(...first.lengths)).toBeGreaterThan(500_000)
    expect(Math.max(...second.lengths)).toBeLessThan(10_000)
    expect(kept.special).toEqual(read.special)
    for (const text of ['the oak', 'then<|endoftext|>the', 'é\n\t']) expect(await kept.encode(text)).toEqual(await read.encode(text))
  })

  it('stands for what vocabularies of GGUF files become in this version: if this fails, count FORM up, and write down the new digest', async () => {
    const digest = createHash('sha256')
    for (const file of (await readdir(fixture('gguf'))).filter((name) => name.endsWith('.gguf')).toSorted()) {
      await using opened = await openGgufFile(join(fixture('gguf'), file))
      digest.update(JSON.stringify([file, await new GgufTokenizer(opened).definition().catch((error: unknown) => (error as Error).message.replaceAll(fixture('gguf'), ''))]))
    }
    expect([FORM, digest.digest('hex').slice(0, 16)]).toEqual([1, 'd09e2c84d4428282'])
  })

  it('is not what a file that was changed says', async () => {
    const { folder, json } = await largeCheckpoint()
    const tokenizerCache = join(folder, 'cache')
    await using one = await openFolder(folder, { tokenizerCache })
    await one.tokenizer()
    await settled(tokenizerCache, 3)
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, changed: 9999 } } }, undefined, 1))
    await using other = await openFolder(folder, { tokenizerCache })
    expect((await other.tokenizer()).idOf('changed')).toBe(9999)
    await settled(tokenizerCache, 6)
  })

  it.each([
    ['cut', (path: string) => truncate(path, 20)],
    ['longer', (path: string) => appendFile(path, 'x y\n')],
    ['gone', (path: string) => rm(path)],
  ])('is read anew where one of its files is %s', async (_, damage) => {
    const folder = await temporaryFolder()
    for (const ending of ['.vocab.json', '.merges.txt', '.json']) {
      const { place } = await keep(byteLevel, folder)
      expect(await openKeptTokenizer(place, library)).toBeDefined()
      await damage(place.base + ending)
      expect(await openKeptTokenizer(place, library)).toBeUndefined()
    }
  })

  it.each([
    ['with a space in it', { a: 0, ' ': 1, 'a ': 2 }, [['a', ' ']]],
    ['with the end of a line in it', { a: 0, '\n': 1, 'a\n': 2 }, [['a', '\n']]],
    ['that looks like the line of the version', { '#version': 0, s: 1, '#versions': 2 }, [['#version', 's']]],
  ])('is none with a merge that no line can hold: %s', async (_, vocab, merges) => {
    const folder = await temporaryFolder()
    const { place } = await keep({ ...bytePairs[0], added_tokens: [], model: { type: 'BPE', vocab, merges } }, folder)
    expect(await openKeptTokenizer(place, library)).toBeUndefined()
    expect(await readdir(join(folder, 'kept'))).toEqual([])
  })

  it('is none of what reading from files cannot say, of other models, and of small vocabularies', async () => {
    const folder = await temporaryFolder()
    for (const model of [{ ...byteLevel.model, ignore_merges: true }, { ...byteLevel.model, dropout: 0.1 }]) expect(await openKeptTokenizer((await keep({ ...byteLevel, model }, folder)).place, library)).toBeUndefined()
    for (const json of (tokenizers as readonly Bpe[]).filter(({ model }) => model.type !== 'BPE')) expect(await openKeptTokenizer((await keep(json, folder)).place, library)).toBeUndefined()
    const text = JSON.stringify(byteLevel)
    await keepTokenizer({ base: join(folder, 'kept', 'small') }, text, skimTokenizer('tokenizer.json', text))
    expect(await readdir(folder)).toEqual(['tokenizer.json'])
  })

  it('is not asked of a build that cannot read it', async () => {
    const { place } = await keep(byteLevel, await temporaryFolder())
    expect(await openKeptTokenizer(place, { Tokenizer: library.Tokenizer })).toBeUndefined()
  })

  it('is not kept where nobody wants it, and no fault where it cannot be', async () => {
    const { folder } = await largeCheckpoint()
    await using none = await openFolder(folder, { tokenizerCache: false, tokenizer: true })
    expect((await none.tokenizer()).vocabularySize).toBeGreaterThan(40_000)
    await writeFile(join(folder, 'cache'), 'a file, not a folder')
    await using refused = await openFolder(folder, { tokenizerCache: join(folder, 'cache') })
    expect((await refused.tokenizer()).vocabularySize).toBeGreaterThan(40_000)
    expect((await readdir(folder)).toSorted()).toEqual(['cache', 'config.json', 'model.safetensors', 'tokenizer.json'])
  })

  it('makes room for others: those stay that were read last, and what belongs to none goes after an hour', async () => {
    const folder = await temporaryFolder()
    const kept = join(folder, 'kept')
    await mkdir(kept)
    const old = new Date(Date.now() - 2 * 3600 * 1000)
    const named = (name: string) => name.padEnd(40, '0')
    for (let index = 0; index < 16; index++) {
      const base = join(kept, named(`${index.toString(16)}a`))
      for (const ending of ['.json', '.vocab.json', '.merges.txt']) await writeFile(base + ending, '')
      for (const ending of ['.json', '.vocab.json', '.merges.txt']) await utimes(base + ending, old, new Date(old.getTime() + index * 1000))
    }
    for (const name of [`${named('ff')}.vocab.json.left.tmp`, 'package.json', 'notes.txt']) {
      await writeFile(join(kept, name), '')
      await utimes(join(kept, name), old, old)
    }
    await writeFile(join(kept, `${named('ee')}.vocab.json`), 'just written by another process')
    const { place } = await keep(byteLevel, folder)
    const names = await readdir(kept)
    expect(names).toHaveLength(3 * 16 + 1 + 2)
    for (const name of [`${named('ee')}.vocab.json`, 'package.json', 'notes.txt']) expect(names).toContain(name) // the last two are none of ours
    expect(names.filter((name) => name.startsWith(named('0a')) || name.endsWith('.tmp'))).toEqual([])
    expect(await openKeptTokenizer(place, library)).toBeDefined()
  })
})
