import { bytesOf, viewAs, type BlockQuantization } from '@tenon/core'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { openSafetensors } from '../safetensors.js'
import { fixture } from '../test-support.js'
import { blockTypes } from './block-types.js'
import { ggufConstant } from './gguf-constant.js'
import { openGgufFile } from './gguf-file.js'
import { halfAt } from './half.js'
import { fitMinimum } from './requantise.js'

const [file, expected] = await Promise.all([openGgufFile(fixture('gguf/types.gguf')), openSafetensors(fixture('gguf/types.safetensors'))])
afterAll(() => Promise.all([file[Symbol.asyncDispose](), expected[Symbol.asyncDispose]()]))

const constantOf = (name: string, rowTo?: (row: number) => number) => {
  const tensor = file.tensors.get(name)!
  return ggufConstant(file, tensor, { shape: tensor.shape, rowTo })
}
const referenceOf = async (name: string) => viewAs('float32', await expected.tensors.get(name)!.bytes())

/** The bits of floats, those of all that are no numbers alike. */
const bits = (values: Float32Array) => new Uint32Array(values.map((value) => (Number.isNaN(value) ? NaN : value)).buffer)

/** What MatMulNBits takes a weight for. */
async function dequantised({ bits: width, blockSize, codes, scales, zeroPoints }: BlockQuantization): Promise<Float32Array> {
  expect(zeroPoints).toBeUndefined()
  const packed = await codes.bytes()
  const factors = viewAs('float32', await scales.bytes())
  expect([packed.length, factors.length * 4]).toEqual([codes.byteLength, scales.byteLength])
  const values = new Float32Array((packed.length * 8) / width)
  for (let index = 0; index < values.length; index++) {
    const code = width === 8 ? packed[index]! - 128 : ((packed[index >> 1]! >> (4 * (index % 2))) & 15) - 8
    values[index] = code * factors[Math.floor(index / blockSize)]!
  }
  return values
}

describe('numbers in blocks', () => {
  it.each(blockTypes.map(({ name }) => name))("of %s are those of gguf's own dequantisation, bit for bit", async (name) => {
    const constant = constantOf(name)
    expect(constant).toMatchObject({ dtype: 'float32', shape: [6, 512], byteLength: 6 * 512 * 4 })
    const values = viewAs('float32', await constant.bytes())
    expect(bits(values)).toEqual(bits(await referenceOf(name)))
    expect(values.some((value) => value !== 0)).toBe(true)
  })

  it.each(blockTypes.filter(({ zero }) => zero !== undefined).map(({ name, bits: width, group }): [string, 4 | 8, number] => [name, width === 4 ? 4 : 8, group]))(
    'of %s become blocks of %i bits for MatMulNBits, exactly',
    async (name, width, blockSize) => {
      const { blocks, gguf } = constantOf(name)
      expect(gguf).toMatchObject({ type: name, as: 'exact' })
      expect(blocks).toMatchObject({ bits: width, blockSize })
      expect(blocks!.codes.shape).toEqual([6, 512 / blockSize, (blockSize * width) / 8])
      expect(blocks!.scales.shape).toEqual([6, 512 / blockSize])
      expect(bits(await dequantised(blocks!))).toEqual(bits(await referenceOf(name)))
    },
  )

  it.each(blockTypes.filter(({ zero }) => zero === undefined).map(({ name }) => name))('of %s have minimums, and are rounded to blocks of 8 bits', async (name) => {
    const { blocks, gguf } = constantOf(name)
    expect(gguf).toMatchObject({ type: name, as: 'requantised' })
    expect(blocks).toMatchObject({ bits: 8, blockSize: 32 })
    const [values, reference] = [await dequantised(blocks!), await referenceOf(name)]
    for (let block = 0; block < values.length; block += 32) {
      const numbers = reference.subarray(block, block + 32)
      const largest = Math.max(...numbers.map(Math.abs))
      for (let index = 0; index < 32; index++) {
        // Half a step of 8 bits; a minimum that leaves room for whole steps only may take a whole one.
        expect(Math.abs(values[block + index]! - numbers[index]!)).toBeLessThanOrEqual(largest / 127 + 1e-9)
      }
    }
  })

  it('stay in the blocks of the file where columns become rows', async () => {
    const tensor = file.tensors.get('Q6_K')!
    const { blocks } = ggufConstant(file, tensor, { shape: [512, 6], transposed: true })
    expect(blocks).toMatchObject({ transposed: true, codes: { shape: [6, 32, 16] }, scales: { shape: [6, 32] } })
    expect(bits(await dequantised(blocks!))).toEqual(bits(await referenceOf('Q6_K')))
    expect(constantOf('Q6_K').blocks?.transposed).toBeUndefined()
  })

  it('keep their rows together where rows move', async () => {
    const rowTo = (row: number) => 5 - row
    for (const name of ['Q4_0', 'Q6_K', 'Q4_K', 'F16', 'F32']) {
      const plain = constantOf(name)
      const moved = constantOf(name, (row) => plain.shape[0]! - 1 - row)
      const width = plain.byteLength / plain.shape[0]!
      const [bytes, other] = [await plain.bytes(), await moved.bytes()]
      for (let row = 0; row < plain.shape[0]!; row++) expect(other.subarray((plain.shape[0]! - 1 - row) * width, (plain.shape[0]! - row) * width)).toEqual(bytes.subarray(row * width, (row + 1) * width))
      expect(moved.file).toBeUndefined()
    }
    const [plain, moved] = await Promise.all([dequantised(constantOf('Q6_K').blocks!), dequantised(constantOf('Q6_K', rowTo).blocks!)])
    expect(bits(moved.subarray(0, 512))).toEqual(bits(plain.subarray(5 * 512)))
  })
})

describe('what is computed', () => {
  it('says what from, no two the same: tensor, rows, order and what is made of them', () => {
    const every = blockTypes.flatMap(({ name }) => [constantOf(name), constantOf(name, (row) => 5 - row), ggufConstant(file, file.tensors.get(name)!, { shape: [2, 512], first: 3 }), ggufConstant(file, file.tensors.get(name)!, { shape: [512, 6], transposed: true })])
    const origins = every.flatMap(({ origin, blocks }) => [origin, ...(blocks ? [blocks.codes.origin, blocks.scales.origin] : [])])
    expect(origins).toHaveLength(blockTypes.length * (4 + 4 * 2))
    expect(new Set(origins.map((origin) => origin?.how)).size).toBe(origins.length)
    for (const origin of origins) expect(origin?.files).toEqual([file.path])
    expect(constantOf('F32').origin).toBeUndefined() // it lies in the file
  })
})

describe('numbers stored one by one', () => {
  it.each([['F64', 'float64'], ['F32', 'float32'], ['F16', 'float16'], ['I8', 'int8'], ['I16', 'int16'], ['I32', 'int32'], ['I64', 'int64']] as const)('as %s stay as they are, and can be mapped', async (name, dtype) => {
    const reference = expected.tensors.get(name)!
    const constant = constantOf(name)
    expect(constant).toMatchObject({ dtype, shape: reference.shape, gguf: { type: name, as: 'float' }, file: { path: file.path } })
    expect(constant.blocks).toBeUndefined()
    expect(await constant.bytes()).toEqual(await reference.bytes())
    expect(await file.read(constant.file!.offset, constant.byteLength)).toEqual(await reference.bytes())
  })

  it('as BF16 stay, too: their bits are the upper half of the float32', async () => {
    const constant = constantOf('BF16')
    expect(constant.dtype).toBe('bfloat16')
    const widened = Uint32Array.from(viewAs('bfloat16', await constant.bytes()), (half) => half << 16)
    expect(widened).toEqual(bits(await referenceOf('BF16')))
  })

  it.each(['F32', 'F16', 'F64', 'BF16', 'Q8_0'])('as %s turn columns into rows', async (name) => {
    const tensor = file.tensors.get(name)!
    const [rows, columns] = tensor.shape as [number, number]
    const constant = ggufConstant(file, tensor, { shape: [columns, rows], transposed: true })
    expect(constant).toMatchObject({ dtype: 'float32', gguf: { as: name === 'Q8_0' ? 'exact' : 'float' } })
    const stored = expected.tensors.get(name)!
    const bytes = await stored.bytes()
    const plain = name === 'F64' ? Float32Array.from(viewAs('float64', bytes)) : name === 'F16' ? Float32Array.from({ length: rows * columns }, (_, index) => halfAt(bytes, 2 * index)) : viewAs('float32', bytes)
    const turned = viewAs('float32', await constant.bytes())
    expect(bits(turned)).toEqual(bits(Float32Array.from({ length: rows * columns }, (_, index) => plain[(index % rows) * columns + Math.floor(index / rows)]!)))
  })

  it('are parts of a tensor where a constant is', async () => {
    const tensor = file.tensors.get('Q5_K')!
    const part = ggufConstant(file, tensor, { shape: [2, 512], first: 3 })
    expect(await part.bytes()).toEqual(bytesOf((await referenceOf('Q5_K')).slice(3 * 512, 5 * 512)))
  })
})

describe('fitMinimum', () => {
  const number = fc.float({ noNaN: true, min: -70_000, max: 70_000 })
  it('gives codes of a byte for every scale and minimum, and rounds no number by more than the last code is wide', () => {
    fc.assert(
      fc.property(number, number, fc.constantFrom(15, 31), (scale, minimum, last) => {
        const fit = { scale: 0, step: 0, start: 0 }
        fitMinimum(scale, minimum, last, fit)
        const largest = Math.max(Math.abs(minimum), Math.abs(minimum + last * scale))
        for (let code = 0; code <= last; code++) {
          const fitted = Math.floor(code * fit.step + fit.start)
          expect(fitted).toBeGreaterThanOrEqual(0)
          expect(fitted).toBeLessThanOrEqual(255)
          expect(Math.abs((fitted - 128) * fit.scale - (code * scale + minimum))).toBeLessThanOrEqual((largest / 127) * 1.001)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('is exact where the minimum is a multiple of a part of the scale, and where all numbers are one', () => {
    const fit = { scale: 0, step: 0, start: 0 }
    fitMinimum(0.5, -3.5, 15, fit) // −7 scales
    expect((128 - fit.start) * fit.scale).toBe(3.5)
    fitMinimum(0, 0.3, 15, fit)
    expect([fit.step, (fit.start - 128) * fit.scale]).toEqual([0, 0.3])
  })
})
