import { bytesOf, inlineConstant, InvalidOptionError, lazyConstant, viewAs, type Constant, type Graph } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { integers, type Value } from '@tenon/graph'
import { Add, Gather, Gemm, MatMul, MatMulNBits, Reshape, SimplifiedLayerNormalization } from '@tenon/graph/ops'
import { afterAll, describe, expect, it } from 'vitest'
import { applied, graphOf, normal, opsOf, outputOf, relativeError, weight } from '../test-support.js'
import { dequantizeBlocks } from './dequantize-blocks.js'
import type { WeightOnlyOptions } from './options.js'
import { quantizeWeights, weightOnly } from './weight-only.js'
import { quantizeBlocks } from './weight-only-pass.js'

const backend = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

const constant = (x: Value, shape: readonly number[], name: string, values?: Float32Array) => x.builder.constant(weight(shape, values), name)
const linear = (x: Value, w: Constant, name = 'w', bias?: Value) => Gemm(x, x.builder.constant(w, name), bias, { transB: 1 })
/** Behind a norm, a layer is no head. */
const normed = (x: Value) => SimplifiedLayerNormalization(x, constant(x, [x.shape.at(-1) as number], 'gamma', new Float32Array(x.shape.at(-1) as number).fill(1)))
const names = (graph: Graph) => [...graph.constants.keys()]
const MATMUL = 'com.microsoft::MatMulNBits'
/** As a checkpoint holds it in bfloat16. */
function stored(shape: readonly [number, number]): Constant<'float32'> {
  const halves = Uint16Array.from(new Uint32Array(normal(shape, 5).buffer), (word) => word >>> 16)
  return { ...lazyConstant('float32', shape, async () => bytesOf(Uint32Array.from(halves, (half) => half << 16))), stored: inlineConstant('bfloat16', shape, halves) }
}
const x = normal([5, 128])

describe('a linear layer', () => {
  it.each<[string, WeightOnlyOptions, number]>([
    ['4 bits', { bits: 4 }, 0.09],
    ['4 bits in blocks of 128', { bits: 4, blockSize: 128 }, 0.11],
    ['8 bits', { bits: 8 }, 0.012],
    ['16 bits', { bits: 16 }, 0.0004],
  ])('of %s is off by no more than its weights', async (_, options, bound) => {
    const graph = graphOf(['rows', 128], (x) => normed(linear(x, weight([96, 128]), 'w', constant(x, [96], 'bias'))))
    const error = relativeError(await outputOf(backend, applied(quantizeWeights(options), graph), [5, 128], x), await outputOf(backend, graph, [5, 128], x))
    expect(error).toBeLessThan(bound)
    expect(error).toBeGreaterThan(0)
  })

  it.each([4, 8] as const)('of %i bits, in blocks that nobody chose, gives one row the bits that it gives several', async (bits) => {
    const size = 896
    const graph = applied(quantizeWeights({ bits }), graphOf(['rows', size], (x) => normed(linear(x, weight([200, size])))))
    const rows = normal([7, size])
    const all = await outputOf(backend, graph, [7, size], rows)
    for (const row of [0, 3, 6]) expect(await outputOf(backend, graph, [1, size], rows.slice(row * size, (row + 1) * size))).toEqual(all.slice(row * 200, (row + 1) * 200))
  })

  it.each([[4, 32], [4, 128], [8, 32], [8, 64]] as const)('of %i bits in blocks of %i computes with the numbers that the blocks stand for, but for its 8-bit input', async (bits, blockSize) => {
    const w = weight([96, 128])
    const smaller = applied(quantizeWeights({ bits, blockSize }), graphOf(['rows', 128], (x) => normed(linear(x, w, 'w', constant(x, [96], 'bias')))))
    expect(opsOf(smaller)).toEqual([MATMUL, 'SimplifiedLayerNormalization'])
    const meant = viewAs('float32', await dequantizeBlocks(quantizeBlocks(w, 0, { bits, blockSize }), 96, 128).bytes())
    const reference = graphOf(['rows', 128], (x) => normed(linear(x, weight([96, 128], meant), 'w', constant(x, [96], 'bias'))))
    expect(relativeError(await outputOf(backend, smaller, [5, 128], x), await outputOf(backend, reference, [5, 128], x))).toBeLessThan(0.009)
  })

  it('reads [in, out] as [out, in] of the same numbers', async () => {
    const values = normal([96, 128], 3)
    const turned = Float32Array.from({ length: values.length }, (_, index) => values[(index % 96) * 128 + Math.floor(index / 96)]!)
    const [one, other] = [graphOf(['rows', 128], (x) => normed(linear(x, weight([96, 128], values)))), graphOf(['rows', 128], (x) => normed(MatMul(x, constant(x, [128, 96], 'w', turned))))].map((graph) => applied(quantizeWeights(), graph))
    expect(await outputOf(backend, other!, [5, 128], x)).toEqual(await outputOf(backend, one!, [5, 128], x))
  })

  it('adds a bias that is no row of numbers afterwards', async () => {
    const graph = graphOf([5, 128], (x) => normed(linear(x, weight([96, 128]), 'w', constant(x, [5, 96], 'bias', normal([5, 96], 9)))))
    const smaller = applied(quantizeWeights({ bits: 8 }), graph)
    expect(opsOf(smaller)).toContain('Add')
    expect(relativeError(await outputOf(backend, smaller, [5, 128], x), await outputOf(backend, graph, [5, 128], x))).toBeLessThan(0.012)
  })

  it('stays as it is where it is small, or no constant, or scaled by an attribute', () => {
    for (const graph of [
      graphOf(['rows', 8], (x) => linear(x, weight([8, 8]))),
      graphOf([128, 128], (x) => MatMul(x, x)),
      graphOf(['rows', 128], (x) => Gemm(x, constant(x, [96, 128], 'w'), undefined, { transB: 1, alpha: 0.5 })),
    ]) expect(quantizeWeights().apply(graph)).toBe(graph)
  })

  it('that lies in blocks already is taken as it is, and so is what a family made of one', async () => {
    const blocks = quantizeBlocks(weight([96, 128]), 0, { bits: 4, blockSize: 64 })
    const known: Constant = { ...dequantizeBlocks(blocks, 96, 128), blocks }
    const smaller = applied(quantizeWeights({ bits: 8 }), graphOf(['rows', 128], (x) => linear(x, known)))
    expect(smaller.constants.get('w_int4_64')).toBe(blocks.codes)
    const made = graphOf(['rows', 128], (x) => MatMulNBits(x, x.builder.constant(blocks.codes, 'codes'), x.builder.constant(blocks.scales, 'scales'), undefined, undefined, undefined, { K: 128, N: 96, bits: 4, block_size: 64, accuracy_level: 4 }))
    expect(quantizeWeights({ bits: 8 }).apply(made)).toBe(made)
  })

  it('that lies in blocks of its columns is taken as it is where columns are what is summed, and left alone elsewhere', () => {
    const blocks = { ...quantizeBlocks(weight([128, 128]), 0, { bits: 4, blockSize: 64 }), transposed: true }
    const known: Constant = { ...weight([128, 128]), blocks }
    const product = (transB: number) => graphOf(['rows', 128], (x) => Gemm(x, x.builder.constant(known, 'w'), undefined, { transB }))
    expect(Array.from(quantizeWeights({ bits: 8 }).apply(product(0)).constants.values())).toEqual([blocks.codes, blocks.scales])
    const other = product(1)
    expect(quantizeWeights({ bits: 8 }).apply(other)).toBe(other)
  })
})

describe('the head', () => {
  const tied = (w: Constant) => graphOf(['rows', 128], (x) => {
    const inner = linear(normed(linear(x, weight([128, 128]), 'inner')), w, 'table')
    return Reshape(Add(inner, constant(inner, [96], 'offset')), integers(inner, [-1, 2, 48]))
  })

  it('has 8 bits of its own, also behind a bias and a reshape', () => {
    expect(names(applied(quantizeWeights(), tied(weight([96, 128]))))).toEqual(expect.arrayContaining(['inner_int4_32', 'table_int8_64']))
  })

  it('has the bits that are asked for', () => {
    expect(names(applied(quantizeWeights({ bits: 8, head: { bits: 4, blockSize: 128 } }), tied(weight([96, 128]))))).toEqual(expect.arrayContaining(['inner_int8_64', 'table_int4_128']))
    expect(names(applied(quantizeWeights({ bits: 16 }), tied(weight([96, 128]))))).toEqual(expect.arrayContaining(['inner_16', 'table_16']))
  })

  it('is not taken for a layer whose result is added to another', () => {
    const residual = graphOf(['rows', 128], (x) => Add(x, linear(x, weight([128, 128]))))
    expect(names(applied(quantizeWeights(), residual))).toContain('w_int4_32')
  })
})

describe('an embedding table', () => {
  const lookup = (table: Constant) => graphOf([3, 128], (x) => Add(x, Gather(x.builder.constant(table, 'table'), integers(x, [0, 50, 95]))))

  it('of 16 bits is looked up as it is stored, and gives the same numbers', async () => {
    const table = stored([96, 128])
    const smaller = applied(quantizeWeights(), lookup(table))
    expect(smaller.constants.get('table_stored')).toBe(table.stored)
    expect(names(smaller)).not.toContain('table')
    expect(await outputOf(backend, smaller, [3, 128], normal([3, 128]))).toEqual(await outputOf(backend, lookup(table), [3, 128], normal([3, 128])))
  })

  it('of 32 bits stays', () => {
    const graph = lookup(weight([96, 128]))
    expect(quantizeWeights().apply(graph)).toBe(graph)
  })
})

describe('weights in 16 bits', () => {
  it('are those that are stored', () => {
    const w = stored([96, 128])
    const smaller = applied(quantizeWeights({ bits: 16 }), graphOf(['rows', 128], (x) => normed(linear(x, w))))
    expect(smaller.constants.get('w_16')).toBe(w.stored)
  })
})

describe('the graph that reads prompts', () => {
  const graph = graphOf(['rows', 128], (x) => linear(normed(linear(x, weight([128, 128]), 'inner')), weight([96, 128]), 'table'))

  it('multiplies integers in all layers but the head, which it shares with the other', async () => {
    const reading = applied(quantizeWeights({}, 'prefill'), graph)
    expect(opsOf(reading)).toContain('com.microsoft::MatMulIntegerToFloat')
    expect(names(reading)).toEqual(expect.arrayContaining(['inner_int8', 'table_int8_64']))
    const exact = await outputOf(backend, graph, [5, 128], x)
    const error = relativeError(await outputOf(backend, reading, [5, 128], x), exact)
    expect(error).toBeLessThan(0.015)
    expect(error).toBeLessThan(relativeError(await outputOf(backend, applied(quantizeWeights({}, 'decoder'), graph), [5, 128], x), exact) / 4)
  })

  it('is the other where that is asked for, or weights have 16 bits', () => {
    const { pass } = weightOnly()
    expect(pass({ prefill: 'same' }, 'prefill').name).toBe(pass({}, 'decoder').name)
    expect(pass({ bits: 16 }, 'prefill').name).toBe(pass({}, 'decoder').name)
    expect(pass({}, 'prefill').name).not.toBe(pass({}, 'decoder').name)
  })

  it('multiplies integers also where weights lie in blocks, whose small ones stay there', async () => {
    const inBlocks = (x: Value, size: number, name: string) => {
      const zeroPoints = inlineConstant('uint8', [size, 2], Uint8Array.from({ length: size * 2 }, (_, index) => (index * 37) % 256))
      const { codes, scales } = quantizeBlocks(weight([size, 128]), 0, { bits: 4, blockSize: 32 })
      return MatMulNBits(x, x.builder.constant(codes, `${name}.codes`), x.builder.constant(scales, `${name}.scales`), x.builder.constant(zeroPoints, `${name}.zeros`), undefined, undefined, { K: 128, N: size, bits: 4, block_size: 32, accuracy_level: 4 })
    }
    const graph = graphOf(['rows', 128], (x) => inBlocks(normed(inBlocks(x, 128, 'inner')), 96, 'table'))
    expect(quantizeWeights({}, 'decoder').apply(graph)).toBe(graph)
    const reading = applied(quantizeWeights({}, 'prefill'), graph)
    expect(opsOf(reading).filter((op) => op === MATMUL)).toHaveLength(1)
    expect(relativeError(await outputOf(backend, reading, [5, 128], x), await outputOf(backend, graph, [5, 128], x))).toBeLessThan(0.015)
    expect(quantizeWeights({ smallest: 1e6 }, 'prefill').apply(graph)).toBe(graph)
  })
})

describe('the options', () => {
  it.each<[object, RegExp]>([
    [{ bits: 5 }, /'bits' .*5/],
    [{ blockSize: 48 }, /'blockSize' .*48/],
    [{ head: { bits: 3 } }, /'head.bits' .*3/],
    [{ head: { block: 3 } }, /'block'/],
    [{ prefill: 'int4' }, /'prefill' .*int4/],
    [{ smallest: -1 }, /'smallest' .*-1/],
    [{ cache: '' }, /'cache'/],
    [{ cacheBytes: NaN }, /'cacheBytes'/],
    [{ blocksize: 32 }, /'blockSize'/],
  ])('%j is refused, by name', (options, told) => {
    for (const make of [() => weightOnly(options), () => weightOnly().pass(options, 'model')]) {
      expect(make).toThrow(InvalidOptionError)
      expect(make).toThrow(told)
    }
  })
})
