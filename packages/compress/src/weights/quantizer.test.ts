import fs from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { bytesOf, viewAs } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normal, relativeError } from '../test-support.js'
import { quantizer, type Job, type Recipe } from './quantizer.js'

const { perform } = quantizer({ fs, crc32 })

const job = (recipe: Recipe, values: Float32Array, rows: number, more: Partial<Job> = {}): Job => ({ recipe, source: { bytes: bytesOf(values) }, dtype: 'float32', rows, columns: values.length / rows, axis: 0, transpose: false, ...more })

/** What codes and scales stand for, [rows, columns]. */
function restored([codes, scales]: readonly Uint8Array[], bits: 4 | 8, size: number, rows: number, columns: number): Float32Array {
  const scale = viewAs('float32', scales!)
  const blocks = Math.ceil(columns / size)
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns]
    const block = row * blocks + Math.floor(column / size)
    const place = block * size + (column % size)
    const code = bits === 8 ? codes![place]! : (codes![place >> 1]! >> (4 * (place & 1))) & 15
    return (code - 2 ** (bits - 1)) * scale[block]!
  })
}

const errorOf = (values: Float32Array, rows: number, bits: 4 | 8, blockSize: number) =>
  relativeError(restored(perform(job({ kind: 'blocks', bits, blockSize }, values, rows)).parts, bits, blockSize, rows, values.length / rows), values)

/** Rounded to nearest, with the largest magnitude of a block at 7: what is usual. */
function plainError(values: Float32Array, size: number): number {
  const rounded = new Float32Array(values.length)
  for (let start = 0; start < values.length; start += size) {
    const scale = values.subarray(start, start + size).reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 7
    for (let index = start; index < start + size; index++) rounded[index] = Math.round(values[index]! / scale) * scale
  }
  return relativeError(rounded, values)
}

describe('weights in blocks', () => {
  // Measured: 8.2 and 9.8 % in 4 bits, 0.53 and 0.65 % in 8, of normally distributed numbers.
  it.each([
    [4, 32, 0.083],
    [4, 128, 0.1],
    [4, 16, 0.075],
    [8, 32, 0.0055],
    [8, 128, 0.0067],
  ] as const)('of %i bits and %i numbers are off by less than %d', (bits, size, bound) => {
    expect(errorOf(normal([64, 512]), 64, bits, size)).toBeLessThan(bound)
  })

  it('are nearer than rounding to the nearest with one scale, by a sixth', () => {
    for (const size of [32, 128]) {
      const values = normal([64, 512])
      expect(errorOf(values, 64, 4, size) / plainError(values, size)).toBeLessThan(0.86)
    }
  })

  it('hold numbers that lie on their grid exactly', () => {
    const onGrid = Float32Array.from({ length: 64 }, (_, index) => ((index % 16) - 8) * 0.25 * (index < 32 ? 1 : -2))
    expect(errorOf(onGrid, 2, 4, 32)).toBe(0)
    expect(errorOf(Float32Array.from({ length: 255 }, (_, index) => (index - 127) * 0.5), 1, 8, 256)).toBe(0)
  })

  it('pad the last block of a row, and hold zeros as zeros', () => {
    const values = normal([3, 40])
    const { parts } = perform(job({ kind: 'blocks', bits: 4, blockSize: 32 }, values, 3))
    expect(parts.map(({ length }) => length)).toEqual([3 * 2 * 16, 3 * 2 * 4])
    expect(parts[0]!.subarray(16 + 4, 32)).toEqual(new Uint8Array(12).fill(0x88))
    expect(relativeError(restored(parts, 4, 32, 3, 40), values)).toBeLessThan(0.1)
    expect(restored(perform(job({ kind: 'blocks', bits: 4, blockSize: 16 }, new Float32Array(16), 1)).parts, 4, 16, 1, 16)).toEqual(new Float32Array(16))
    expect(restored(perform(job({ kind: 'blocks', bits: 8, blockSize: 16 }, new Float32Array(16), 1)).parts, 8, 16, 1, 16)).toEqual(new Float32Array(16))
  })

  it('of a matrix that lies the other way round are those of its transpose', () => {
    const values = normal([96, 50])
    const turned = Float32Array.from({ length: values.length }, (_, index) => values[(index % 96) * 50 + Math.floor(index / 96)]!)
    for (const recipe of [{ kind: 'blocks', bits: 4, blockSize: 32 }, { kind: 'blocks', bits: 8, blockSize: 32 }] as const) {
      expect(perform(job(recipe, values, 96, { axis: 1 })).parts).toEqual(perform(job(recipe, turned, 50)).parts)
    }
  })

  it('never move a number by more than a step and a clipped end, whatever the numbers are', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) }), { minLength: 32, maxLength: 32 }), (numbers) => {
        const values = Float32Array.from(numbers)
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        for (const [bits, bound] of [[4, 0.22], [8, 0.005]] as const) {
          const back = restored(perform(job({ kind: 'blocks', bits, blockSize: 32 }, values, 1)).parts, bits, 32, 1, 32)
          back.forEach((value, index) => expect(Math.abs(value - values[index]!)).toBeLessThanOrEqual(bound * largest + 2 ** -126))
        }
      }),
    )
  })

  it.each([NaN, Infinity, -Infinity])('refuse %d, at any place and in any form', (bad) => {
    for (const place of [0, 17, 31, 63]) {
      const values = normal([2, 32])
      values[place] = bad
      for (const recipe of [{ kind: 'blocks', bits: 4, blockSize: 32 }, { kind: 'blocks', bits: 8, blockSize: 32 }, { kind: 'channels' }, { kind: 'half' }, { kind: 'wide' }] as const) {
        expect(() => perform(job(recipe, values, 2))).toThrow('TENON_NOT_FINITE')
      }
    }
  })
})

describe('weights as float16', () => {
  const halves = (values: Float32Array) => Array.from(viewAs('float16', perform(job({ kind: 'half' }, values, 1)).parts[0]!))

  it('come back as they were, all 63,488 finite ones, when they are read as float16 and rounded again', () => {
    const finite = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00)
    const { parts } = perform({ recipe: { kind: 'half' }, source: { bytes: bytesOf(finite) }, dtype: 'float16', rows: 1, columns: finite.length, axis: 0, transpose: false })
    expect(viewAs('float16', parts[0]!)).toEqual(finite)
  })

  it.each([
    [1 + 2 ** -11, 0x3c00, 'a tie goes to the even neighbour below'],
    [1 + 3 * 2 ** -11, 0x3c02, 'or above'],
    [1 + 2 ** -11 + 2 ** -20, 0x3c01, 'what is past the middle goes up'],
    [2 - 2 ** -12, 0x4000, 'what is rounded up carries into the exponent'],
    [65504, 0x7bff, 'the largest'],
    [1e6, 0x7bff, 'what is too large becomes the largest'],
    [-1e6, 0xfbff, 'of its sign'],
    [2 ** -24, 0x0001, 'the smallest'],
    [2 ** -25, 0x0000, 'half of it is a tie, and goes to 0'],
    [3 * 2 ** -25, 0x0002, 'a tie among small ones'],
    [2 ** -14 - 2 ** -26, 0x0400, 'a small one that is rounded up to the normal ones'],
    [-0, 0x8000, 'a negative zero'],
  ])('%d is 0x%s: %s', (value, bits) => {
    expect(halves(Float32Array.of(value))).toEqual([bits])
  })
})

describe('weights of 16 bits as float32', () => {
  const wide = (dtype: 'float32' | 'float16' | 'bfloat16', bytes: Uint8Array, columns: number) => {
    const { parts } = perform({ recipe: { kind: 'wide' }, source: { bytes }, dtype, rows: 1, columns, axis: 0, transpose: false })
    return viewAs('float32', parts[0]!)
  }

  it('are what is stored, exactly', () => {
    expect(Array.from(wide('bfloat16', bytesOf(Uint16Array.of(0x3f80, 0xc0a0, 0x0001, 0x7f7f)), 4))).toEqual([1, -5, 2 ** -133, (2 - 2 ** -7) * 2 ** 127])
    expect(Array.from(wide('float16', bytesOf(Uint16Array.of(0x3c00, 0xc500, 0x0001, 0x7bff)), 4))).toEqual([1, -5, 2 ** -24, 65504])
  })

  it('are of float32 what they round to', () => {
    const values = normal([1, 1000])
    const rounded = perform(job({ kind: 'half' }, values, 1)).parts[0]!
    expect(wide('float32', bytesOf(values), 1000)).toEqual(wide('float16', rounded, 1000))
    expect(Array.from(wide('float32', bytesOf(Float32Array.of(1 + 2 ** -11, 1e6, -(2 ** -25))), 3))).toEqual([1, 65504, -0])
  })

  it('that are stored as what is no number are told', () => {
    expect(() => wide('bfloat16', bytesOf(Uint16Array.of(0x3f80, 0x7fc0)), 2)).toThrow('TENON_NOT_FINITE')
  })
})

describe('a source', () => {
  it('of 16 bits gives what the same numbers in 32 give, from memory or a file, also at an odd place', async () => {
    const stored = Uint16Array.from(new Uint32Array(normal([8, 64]).buffer), (word) => word >>> 16)
    const wide = new Float32Array(Uint32Array.from(stored, (half) => half << 16).buffer)
    const recipe = { kind: 'blocks', bits: 4, blockSize: 32 } as const
    const expected = perform(job(recipe, wide, 8))
    const folder = await mkdtemp(join(tmpdir(), 'tenon-'))
    const path = join(folder, 'weights')
    await writeFile(path, Buffer.concat([Buffer.alloc(3), bytesOf(stored), Buffer.alloc(5)]))
    const narrow = { recipe, dtype: 'bfloat16', rows: 8, columns: 64, axis: 0, transpose: false } as const
    expect(perform({ ...narrow, source: { bytes: bytesOf(stored) } })).toEqual(expected)
    expect(perform({ ...narrow, source: { path, offset: 3 } })).toEqual(expected)
    expect(() => perform({ ...narrow, source: { path, offset: 1000 } })).toThrow('ends at byte')
    await rm(folder, { recursive: true })
  })

  it('is written to its target, of which checksums tell', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-'))
    const path = join(folder, 'target')
    await writeFile(path, Buffer.alloc(1000))
    const work = job({ kind: 'blocks', bits: 8, blockSize: 16 }, normal([4, 16]), 4)
    const { parts, checksums } = perform(work)
    expect(perform({ ...work, target: { path, offsets: [100, 500] } })).toEqual({ parts: [], checksums })
    const file = await readFile(path)
    expect(file.subarray(100, 164).equals(parts[0]!)).toBe(true)
    expect(file.subarray(500, 516).equals(parts[1]!)).toBe(true)
    expect(checksums).toEqual(parts.map((part) => crc32(part)))
    expect(() => perform({ ...work, target: { path: join(folder, 'none'), offsets: [0, 0] } })).toThrow(/^TENON_NOT_WRITTEN ENOENT/)
    await rm(folder, { recursive: true })
  })
})
