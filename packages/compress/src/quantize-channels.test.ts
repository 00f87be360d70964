import { inlineConstant, lazyConstant, viewAs } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { largestOf, quantizeChannels, SMALLEST_NORMAL } from './quantize-channels.js'
import { counted, weight } from './test-support.js'

interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

/** Every finite float32 is a weight, subnormals and zeros of both signs included. */
const matrices: fc.Arbitrary<Matrix> = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }))
  .chain(([rows, columns]) =>
    fc
      .float({ min: -1, max: 1, noNaN: true })
      .chain((common) => fc.array(fc.oneof(fc.constant(common), fc.constant(0), fc.float({ noNaN: true, noDefaultInfinity: true })), { minLength: rows * columns, maxLength: rows * columns }))
      .map((values) => ({ rows, columns, values: Float32Array.from(values) })),
  )
const layouts = fc.record({ axis: fc.constantFrom(0 as const, 1 as const), transpose: fc.boolean() })

async function quantized({ rows, columns, values }: Matrix, layout: { axis: 0 | 1; transpose: boolean }, inputScales?: () => Promise<Float32Array>) {
  const result = quantizeChannels(weight([rows, columns], values), layout, inputScales)
  return { ...result, bytes: viewAs('int8', await result.values.bytes()), scale: viewAs('float32', await result.scales.bytes()) }
}

describe('quantising channels', () => {
  it('stays within half a step of every weight, signed and symmetric, whatever the weights are', async () => {
    await fc.assert(
      fc.asyncProperty(matrices, layouts, async (matrix, layout) => {
        const { rows, columns, values } = matrix
        const { bytes, scale } = await quantized(matrix, layout)
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            const w = values[row * columns + column]!
            const q = bytes[layout.transpose ? column * rows + row : row * columns + column]!
            const s = scale[layout.axis === 0 ? row : column]!
            expect(Math.abs(q)).toBeLessThanOrEqual(127)
            // A part in 2²⁰ more: scales are float32, so that the largest weight is 127 of them only nearly.
            expect(Math.abs(w - q * s)).toBeLessThanOrEqual((s / 2) * (1 + 2 ** -20))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('gives the negatives of weights the negatives of their bytes, except on ties', async () => {
    await fc.assert(
      fc.asyncProperty(matrices, layouts, async (matrix, layout) => {
        const positive = await quantized(matrix, layout)
        const negative = await quantized({ ...matrix, values: matrix.values.map((value) => -value) }, layout)
        expect(negative.scale).toEqual(positive.scale)
        positive.bytes.forEach((byte, index) => expect(Math.abs(byte + negative.bytes[index]!)).toBeLessThanOrEqual(1))
      }),
    )
  })

  it('has a scale for each channel: rows of a matrix as PyTorch stores it, columns of one as ONNX multiplies it', async () => {
    const matrix = { rows: 2, columns: 3, values: Float32Array.of(127, 0, 1, 254, 2, -4) }
    const rows = await quantized(matrix, { axis: 0, transpose: true })
    expect(rows.values).toMatchObject({ dtype: 'int8', shape: [3, 2], byteLength: 6 })
    expect(rows.scales).toMatchObject({ dtype: 'float32', shape: [2] })
    expect(Array.from(rows.scale)).toEqual([1, 2])
    expect(Array.from(rows.bytes)).toEqual([127, 127, 0, 1, 1, -2])
    const columns = await quantized(matrix, { axis: 1, transpose: false })
    expect(columns.values.shape).toEqual([2, 3])
    expect(columns.scales.shape).toEqual([3])
    expect(Array.from(columns.scale)).toEqual([254, 2, 4].map((largest) => Math.fround(largest / 127)))
    expect(Array.from(columns.bytes)).toEqual([64, 0, 32, 127, 127, -127])
  })

  it('keeps zeros exact, in a channel of zeros too', async () => {
    const { bytes, scale } = await quantized({ rows: 2, columns: 2, values: Float32Array.of(0, -0, 0, 5) }, { axis: 0, transpose: false })
    expect(Array.from(bytes)).toEqual([0, 0, 0, 127])
    expect(scale[0]).toBe(1)
  })

  it('has no scale so small that a processor may take it for 0', async () => {
    const { bytes, scale } = await quantized({ rows: 1, columns: 2, values: Float32Array.of(190 * 2 ** -149, -(2 ** -130)) }, { axis: 0, transpose: false })
    expect(scale[0]).toBe(SMALLEST_NORMAL)
    expect(Array.from(bytes)).toEqual([0, 0])
  })

  it('multiplies the input axis first where the inputs were divided', async () => {
    const scales = async () => Float32Array.of(1, 10, 100)
    const { bytes, scale } = await quantized({ rows: 1, columns: 3, values: Float32Array.of(127, 1.27, 0.633) }, { axis: 0, transpose: true }, scales)
    expect(scale[0]).toBe(1)
    expect(Array.from(bytes)).toEqual([127, 13, 63])
    const across = await quantized({ rows: 3, columns: 1, values: Float32Array.of(127, 1.27, 0.633) }, { axis: 1, transpose: false }, scales)
    expect(across.scale).toEqual(scale)
    expect(across.bytes).toEqual(bytes)
  })

  it('reads the weight when it is asked, once for bytes and scales together, and again when asked again', async () => {
    const source = counted(weight([4, 4]))
    const { values, scales } = quantizeChannels(source, { axis: 0, transpose: false })
    expect(source.reads()).toBe(0)
    await values.bytes()
    expect(source.reads()).toBe(1)
    await scales.bytes()
    expect(source.reads()).toBe(1)
    await values.bytes()
    expect(source.reads()).toBe(2)
  })

  it('tells what its source tells where that cannot be read', async () => {
    const source = lazyConstant('float32', [1, 1], async () => {
      throw new Error('the disk is gone')
    })
    await expect(quantizeChannels(source, { axis: 0, transpose: false }).values.bytes()).rejects.toThrow('the disk is gone')
  })

  it('does not change what it reads', async () => {
    const values = Float32Array.of(1, 2, 3, 4)
    const constant = inlineConstant('float32', [2, 2], values)
    const result = quantizeChannels(constant, { axis: 0, transpose: true }, async () => Float32Array.of(3, 3))
    await result.values.bytes()
    await result.scales.bytes()
    expect(Array.from(values)).toEqual([1, 2, 3, 4])
  })
})

describe('the largest magnitudes', () => {
  it('are found along either axis', () => {
    const values = Float32Array.of(1, -5, 2, -3, 4, 0)
    expect(Array.from(largestOf(values, 2, 3, 0))).toEqual([5, 4])
    expect(Array.from(largestOf(values, 2, 3, 1))).toEqual([3, 5, 2])
  })
})
