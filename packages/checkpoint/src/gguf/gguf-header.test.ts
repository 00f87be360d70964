import { readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gguf, GGMLQuantizationType } from '@huggingface/gguf'
import { DisposedError, InvalidFileError, MissingFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { fixture, openDescriptors, temporaryFolder } from '../test-support.js'
import { openGgufFile, type GgufFile } from './gguf-file.js'
import type { GgufArray } from './gguf-header.js'
import { ggufBytes, type TestFile } from './test-gguf.js'
import { TextList } from './text-list.js'

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), 'model.gguf')
  await writeFile(path, bytes)
  return path
}

async function failure(bytes: Uint8Array): Promise<string> {
  const error: unknown = await openGgufFile(await saved(bytes)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(InvalidFileError)
  return (error as Error).message
}

const files = [...(await readdir(fixture('gguf'))), ...(await readdir(fixture('gguf/split'))).map((file) => `split/${file}`)].filter((file) => file.endsWith('.gguf'))

const itemsOf = async (file: GgufFile, array: GgufArray) => {
  const items = await file.items(array)
  return items instanceof TextList ? items.all() : items
}

describe('openGgufFile', () => {
  it.each(files)('reads of %s what the reader of @huggingface/gguf does', async (file) => {
    const path = fixture(`gguf/${file}`)
    await using opened = await openGgufFile(path)
    const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true })

    const { version, tensor_count: tensorCount, kv_count: keyCount, ...others } = metadata as Record<string, unknown>
    expect([opened.version, BigInt(opened.tensors.size), BigInt(opened.metadata.size)]).toEqual([version, tensorCount, keyCount])
    const values: Record<string, unknown> = {}
    for (const [key, value] of opened.metadata) values[key] = typeof value === 'object' ? await itemsOf(opened, value) : value
    const plain = (value: unknown): unknown => (typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value)
    expect(values).toEqual(Object.fromEntries(Object.entries(others).map(([key, value]) => [key, plain(value)])))

    expect([...opened.tensors.values()].map(({ name, type, shape, offset }) => [name, type.name, shape, offset])).toEqual(
      tensorInfos.map(({ name, dtype, shape, offset }) => [name, GGMLQuantizationType[dtype], shape.map(Number).reverse(), Number(tensorDataOffset + offset)]),
    )
  })

  it('opens 4 GB by reading the header only', async () => {
    const size = 2 ** 32
    const path = await saved(ggufBytes({ tensors: [{ name: 'w', dimensions: [size / 4], data: new Uint8Array(4) }] }))
    await truncate(path, (await stat(path)).size - 4 + size) // sparse: takes no disk
    const before = process.memoryUsage().arrayBuffers
    await using file = await openGgufFile(path)
    expect(file.tensors.get('w')).toMatchObject({ byteLength: size, shape: [size / 4] })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 2 ** 20)
  })

  it('reads a header of several megabytes, and its vocabulary only when asked', async () => {
    const tokens = Array.from({ length: 150_000 }, (_, index) => `token number ${index} 榫`)
    await using file = await openGgufFile(await saved(ggufBytes({ metadata: [['tokens', ['string', tokens]], ['after', 'it']] })))
    const array = file.metadata.get('tokens')
    expect(file.metadata.get('after')).toBe('it')
    expect(array).toMatchObject({ items: 'string', length: 150_000 })
    expect(await itemsOf(file, array as GgufArray)).toEqual(tokens)
  })

  it('refuses a file cut at any byte', async () => {
    const whole = ggufBytes({ metadata: [['a', 'b'], ['c', ['uint32', [1, 2]]], ['d', ['bool', 1]]], tensors: [{ name: 'w', dimensions: [3, 2] }, { name: 'v', dimensions: [1] }] })
    const path = await saved(whole)
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length)
      await expect(openGgufFile(path), `${length} bytes`).rejects.toThrow(InvalidFileError)
    }
  })

  it('holds the format to be little-endian, and of version 2 or 3', async () => {
    await using two = await openGgufFile(await saved(ggufBytes({ version: 2 })))
    expect(two.version).toBe(2)
    expect(await failure(ggufBytes({ version: 3 << 24 }))).toMatch(/is big-endian. Take the little-endian file/)
    expect(await failure(ggufBytes({ version: 1 }))).toMatch(/version 1 of GGUF; 2 and 3 are read. Convert the model again/)
    expect(await failure(ggufBytes({ version: 4 }))).toMatch(/version 4/)
    expect(await failure(ggufBytes({ magic: 'tjgg' }))).toMatch(/begins with "tjgg".*older than GGUF/)
    expect(await failure(Buffer.from('version https://git-lfs.github.com/spec/v1\n'))).toMatch(/Git LFS pointer/)
  })

  const huge = 2n ** 64n - 1n
  it.each<[string, TestFile, RegExp]>([
    ['more keys than there may be', { keyCount: 2n ** 14n + 1n }, /claims 16385 keys; 16384 is the most/],
    ['more keys than numbers go', { keyCount: huge }, /claims more than 2\^53 keys/],
    ['more tensors than there may be', { tensorCount: huge }, /claims more than 2\^53 tensors/],
    ['keys that are not there', { keyCount: 3n }, /in the middle of its header/],
    ['a key twice', { metadata: [['a', 'b'], ['a', 'c']] }, /has the key 'a' twice/],
    ['an array of arrays', { metadata: [['a', ['array', [[], []]]]] }, /arrays in the array 'a'/],
    ['a value that is neither true nor false', { metadata: [['a', ['bool', 2]]] }, /has 2 for 'a', which is true or false/],
    ['an alignment that is no power of two', { metadata: [['general.alignment', ['uint32', 48]]] }, /has the alignment 48/],
    ['an alignment of nothing', { metadata: [['general.alignment', ['uint32', 0]]] }, /has the alignment 0/],
    ['an alignment that is a text', { metadata: [['general.alignment', '32']] }, /has the alignment "32"/],
    ['a tensor twice', { tensors: [{ name: 'w', dimensions: [1] }, { name: 'w', dimensions: [1] }] }, /has the tensor 'w' twice/],
    ['a name that is too long', { tensors: [{ name: 'w'.repeat(65), dimensions: [1] }] }, /claims 65 bytes in the name of a tensor; 64/],
    ['five dimensions', { tensors: [{ name: 'w', dimensions: [1, 1, 1, 1, 1] }] }, /'w' 5 dimensions; 4 is the most/],
    ['a product that wraps to a small number', { tensors: [{ name: 'w', dimensions: [2n ** 32n, 2n ** 32n], data: new Uint8Array(4) }] }, /more than 2\^53 bytes/],
    ['a product that wraps to nothing', { tensors: [{ name: 'w', dimensions: [2n ** 32n, 2n ** 30n, 4], data: new Uint8Array(4) }] }, /more than 2\^53 bytes/],
    ['a tensor of nothing', { tensors: [{ name: 'w', dimensions: [0, 2n ** 52n] }] }, /'w' the shape \[4503599627370496, 0\], which holds nothing/],
    ['a size beyond 2^53', { tensors: [{ name: 'w', dimensions: [huge], data: new Uint8Array(4) }] }, /more than 2\^53 rows in tensor 'w'/],
    ['rows that hold parts of blocks', { tensors: [{ name: 'w', dimensions: [33], type: 2 }] }, /rows of 33, and the blocks of Q4_0 have 32/],
    ['a type that is not read', { tensors: [{ name: 'w', dimensions: [256], type: 23 }] }, /'w' as IQ4_XS, which is not read; F32.*Q6_K.*such as Q4_0/],
    ['a type that does not exist', { tensors: [{ name: 'w', dimensions: [1], type: 4 }] }, /'w' as type 4, which ggml does not have/],
    ['an offset that is not aligned', { tensors: [{ name: 'w', dimensions: [1], offset: 4 }] }, /places tensor 'w' at byte 4 of its data, no multiple of 32/],
    ['a tensor past the end', { tensors: [{ name: 'w', dimensions: [1], offset: 64, data: new Uint8Array(0) }] }, /ends at byte \d+, and its tensor 'w' at/],
    ['an offset far past the end', { tensors: [{ name: 'w', dimensions: [1], offset: 2n ** 52n }] }, /and its tensor 'w' at/],
    ['an overlap', { tensors: [{ name: 'w', dimensions: [16] }, { name: 'v', dimensions: [8], offset: 32 }] }, /overlaps: tensor 'v' starts at byte \d+, and 'w' ends at/],
  ])('refuses %s', async (_, file, message) => {
    expect(await failure(ggufBytes(file))).toMatch(message)
  })

  it('refuses lengths that no file has, before it makes room for them', async () => {
    const key = ggufBytes({ metadata: [['a', 'b']] })
    for (const [at, message] of [[24, /bytes in a key/], [37, /bytes in 'a'/]] as const) {
      const bytes = Buffer.from(key)
      bytes.writeBigUInt64LE(2n ** 40n, at)
      expect(await failure(bytes)).toMatch(message)
    }
    const array = Buffer.from(ggufBytes({ metadata: [['a', ['uint8', [1]]]] }))
    array.writeBigUInt64LE(2n ** 23n, array.length - 9)
    expect(await failure(array)).toMatch(/claims 8388608 items in 'a'; 4194304/)
  })

  it('refuses names that are no UTF-8', async () => {
    const bytes = ggufBytes({ metadata: [['key', 'b']] }).map((byte) => (byte === 0x6b ? 0xff : byte))
    expect(await failure(bytes)).toMatch(/has a key that is no UTF-8/)
  })

  it('says which file is missing, refuses reads after disposal and files that changed, and leaves none open', async () => {
    await expect(openGgufFile('/none.gguf')).rejects.toThrow(MissingFileError)
    const path = await saved(ggufBytes({ tensors: [{ name: 'w', dimensions: [1] }] }))
    const before = await openDescriptors()
    const file = await openGgufFile(path)
    await file.read(0, 4)
    await file[Symbol.asyncDispose]()
    await expect(file.read(0, 4)).rejects.toThrow(DisposedError)
    await using other = await openGgufFile(path)
    await truncate(path, 40)
    await expect(other.read(0, 4)).rejects.toThrow(/changed since it was opened/)
    expect(await openDescriptors()).toBe(before)
  })
})
