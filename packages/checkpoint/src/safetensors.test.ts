import { rename, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DisposedError, InvalidFileError, MissingFileError, viewAs } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openSafetensors } from './safetensors.js'
import { fixture, openDescriptors, safetensorsBytes, temporaryFolder } from './test-support.js'

const two = {
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'U8', shape: [3], data_offsets: [8, 11] },
}
const data = Uint8Array.from({ length: 11 }, (_, index) => index)

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), 'model.safetensors')
  await writeFile(path, bytes)
  return path
}
async function failure(bytes: Uint8Array): Promise<string> {
  const error: unknown = await openSafetensors(await saved(bytes)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(InvalidFileError)
  return (error as Error).message
}

describe('openSafetensors', () => {
  it('reads every type that Python writes, with its metadata', async () => {
    await using file = await openSafetensors(fixture('written-by-python.safetensors'))
    expect(file.metadata).toEqual({ format: 'pt' })
    for (const dtype of [
      'float64',
      'float32',
      'int64',
      'int32',
      'int16',
      'int8',
      'uint8',
      'uint16',
      'uint32',
      'uint64',
    ] as const) {
      const constant = file.tensors.get(dtype)
      expect(constant).toMatchObject({ dtype, shape: [2, 3] })
      expect([...viewAs(dtype, (await constant?.bytes()) ?? new Uint8Array())].map(Number)).toEqual([0, 1, 2, 3, 4, 5])
    }
    expect([...viewAs('bfloat16', (await file.tensors.get('bfloat16')?.bytes()) ?? new Uint8Array())]).toEqual([
      0, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0,
    ])
    expect([...viewAs('float16', (await file.tensors.get('float16')?.bytes()) ?? new Uint8Array())]).toEqual([
      0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500,
    ])
    expect([...((await file.tensors.get('bool')?.bytes()) ?? [])]).toEqual([0, 1, 1, 1, 1, 1])
    expect(file.tensors.get('scalar')).toMatchObject({ shape: [], byteLength: 4 })
    expect(file.tensors.get('empty')).toMatchObject({ shape: [0, 4], byteLength: 0 })
    expect(await file.tensors.get('empty')?.bytes()).toHaveLength(0)
  })

  it('names the range of the file that holds each tensor', async () => {
    const path = await saved(safetensorsBytes(two, data))
    await using file = await openSafetensors(path)
    const start = (await stat(path)).size - data.length
    expect(file.tensors.get('b')?.file).toEqual({ path, offset: start + 8 })
    expect(await file.tensors.get('b')?.bytes()).toEqual(data.slice(8))
  })

  it('opens 2 GB by reading the header only', async () => {
    const size = 2 ** 31
    const path = await saved(safetensorsBytes({ w: { dtype: 'F32', shape: [size / 4], data_offsets: [0, size] } }))
    await truncate(path, (await stat(path)).size + size) // sparse: takes no disk
    const before = process.memoryUsage().arrayBuffers
    await using file = await openSafetensors(path)
    expect(file.tensors.get('w')?.byteLength).toBe(size)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })

  it('refuses a file cut at any byte', async () => {
    const whole = safetensorsBytes(two, data)
    const path = await saved(whole)
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length)
      await expect(openSafetensors(path), `${length} bytes`).rejects.toThrow(InvalidFileError)
    }
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['a header longer than the file', safetensorsBytes('{}', undefined, 3n), /claims a header of 3 bytes and has 10/],
    ['a header longer than the format allows', safetensorsBytes('{}', undefined, 100_000_001n), /at most 100000000/],
    ['a header length beyond 2^53', safetensorsBytes('{}', undefined, 2n ** 64n - 1n), /at most 100000000/],
    ['an array as header', safetensorsBytes('[]'), /not a JSON object/],
    ['a header that does not begin with a brace', safetensorsBytes(' {}'), /not a JSON object/],
    ['a header with a byte order mark', safetensorsBytes('\ufeff{}'), /not JSON/],
    ['broken JSON', safetensorsBytes('{"a":'), /not JSON/],
    [
      'a header that is not UTF-8',
      safetensorsBytes('{"\u0000"}').map((byte) => (byte === 0 ? 0 : byte === 0x22 ? 0xff : byte)),
      /not UTF-8/,
    ],
    ['deep nesting', safetensorsBytes(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /'a'/],
    ['bytes after the last tensor', safetensorsBytes(two, new Uint8Array(12)), /12 bytes of data, expected 11/],
    ['bytes without a tensor', safetensorsBytes({}, new Uint8Array(1)), /expected 0/],
    [
      'an overlap',
      safetensorsBytes(
        { a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] }, b: { dtype: 'U8', shape: [4], data_offsets: [3, 7] } },
        new Uint8Array(7),
      ),
      /tensor 'b' starts at byte 3 of the data, expected 4/,
    ],
    [
      'a hole',
      safetensorsBytes(
        { a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] }, b: { dtype: 'U8', shape: [4], data_offsets: [5, 9] } },
        new Uint8Array(9),
      ),
      /hole: tensor 'b' starts at byte 5 of the data, expected 4/,
    ],
    [
      'a hole at the start',
      safetensorsBytes({ b: { dtype: 'U8', shape: [4], data_offsets: [5, 9] } }, new Uint8Array(9)),
      /expected 0/,
    ],
    [
      'a name given twice',
      safetensorsBytes(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        new Uint8Array(1),
      ),
      /names 'a' twice/,
    ],
    [
      'a field given twice',
      safetensorsBytes('{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}', new Uint8Array(1)),
      /names 'shape' twice/,
    ],
    [
      'an unknown type',
      safetensorsBytes({ a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /tensor 'a' the type "F8_E4M3", expected one of F64/,
    ],
    [
      'a type named as a method of objects',
      safetensorsBytes({ a: { dtype: 'constructor', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /tensor 'a'/,
    ],
    [
      'a shape that needs more than its range',
      safetensorsBytes({ a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 8] } }, new Uint8Array(8)),
      /tensor 'a' 8 bytes, expected 24 for F32 of shape \[2, 3\]/,
    ],
    [
      'a shape whose product wraps at 2^64',
      safetensorsBytes({ a: { dtype: 'U8', shape: [2 ** 32, 2 ** 32], data_offsets: [0, 0] } }),
      /expected more than 2\^53/,
    ],
    [
      'a shape whose product overflows before a zero',
      safetensorsBytes({ a: { dtype: 'U8', shape: [2 ** 50, 2 ** 50, 0], data_offsets: [0, 0] } }),
      /expected more than 2\^53/,
    ],
    [
      'a negative size',
      safetensorsBytes({ a: { dtype: 'U8', shape: [-1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /'a' a shape/,
    ],
    [
      'a fractional size',
      safetensorsBytes({ a: { dtype: 'U8', shape: [0.5], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /'a' a shape/,
    ],
    [
      'offsets backwards',
      safetensorsBytes({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 0] } }, new Uint8Array(1)),
      /bytes 1 to 0/,
    ],
    [
      'an offset past the end',
      safetensorsBytes({ a: { dtype: 'U8', shape: [9], data_offsets: [0, 9] } }, new Uint8Array(1)),
      /bytes 0 to 9 of 1/,
    ],
    [
      'offsets that are no safe integers',
      safetensorsBytes('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e300]}}', new Uint8Array(1)),
      /data_offsets/,
    ],
    [
      'three offsets',
      safetensorsBytes({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1, 1] } }, new Uint8Array(1)),
      /data_offsets/,
    ],
    ['a tensor that is no object', safetensorsBytes({ a: null }), /'a'/],
    ['metadata that are not strings', safetensorsBytes({ __metadata__: { format: 1 } }), /__metadata__/],
    ['metadata that are a list', safetensorsBytes({ __metadata__: ['pt'] }), /__metadata__/],
  ])('refuses %s', async (_, bytes, message) => {
    expect(await failure(bytes)).toMatch(message)
  })

  it('opens or refuses whatever bytes it meets, and never throws anything else', async () => {
    const path = await saved(new Uint8Array())
    const whole = safetensorsBytes(two, data)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const bytes = whole.slice()
          for (const [at, value] of changes) bytes[at] = value
          await writeFile(path, bytes)
          await openSafetensors(path).then(
            (file) =>
              expect(
                [...file.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
              ).toBeLessThanOrEqual(11),
            (error: unknown) => expect(error).toBeInstanceOf(InvalidFileError),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('says that a file is missing', async () => {
    await expect(openSafetensors(join(await temporaryFolder(), 'none.safetensors'))).rejects.toThrow(MissingFileError)
  })

  it('refuses to read after disposal', async () => {
    const file = await openSafetensors(await saved(safetensorsBytes(two, data)))
    await file.tensors.get('a')?.bytes()
    await file[Symbol.asyncDispose]()
    await file[Symbol.asyncDispose]()
    await expect(file.tensors.get('a')?.bytes()).rejects.toThrow(DisposedError)
  })

  it('notices a file that shrank after it was opened, and one that shrinks while it is read', async () => {
    const path = await saved(safetensorsBytes(two, data))
    await using early = await openSafetensors(path)
    await using reading = await openSafetensors(path)
    await reading.tensors.get('a')?.bytes()
    await truncate(path, (await stat(path)).size - 2)
    await expect(early.tensors.get('a')?.bytes()).rejects.toThrow(/changed since it was opened/)
    await expect(reading.tensors.get('b')?.bytes()).rejects.toThrow(/shrank since it was opened/)
    expect(await reading.tensors.get('a')?.bytes()).toEqual(data.slice(0, 8))
  })

  it('does not read from another file that took the name', async () => {
    const path = await saved(safetensorsBytes(two, data))
    await using file = await openSafetensors(path)
    await writeFile(
      `${path}.new`,
      safetensorsBytes(
        two,
        data.map((byte) => byte + 1),
      ),
    )
    await rename(`${path}.new`, path)
    await expect(file.tensors.get('a')?.bytes()).rejects.toThrow(InvalidFileError)
  })

  it('leaves no file open after 1,000 rounds of opening, reading and closing', async () => {
    const path = await saved(safetensorsBytes(two, data))
    const broken = await saved(safetensorsBytes({ a: null }))
    const before = await openDescriptors()
    for (let round = 0; round < 1000; round++) {
      await using file = await openSafetensors(path)
      if (round % 2 === 0) await Promise.all([...file.tensors.values()].map((constant) => constant.bytes()))
      await openSafetensors(broken).catch(() => undefined)
    }
    expect(await openDescriptors()).toBe(before)
  })
})
