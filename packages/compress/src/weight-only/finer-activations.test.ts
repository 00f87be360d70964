import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnx } from '@tenon/backend-onnx'
import { inlineConstant, InvalidOptionError, viewAs, type Constant, type Graph, type Node } from '@tenon/core'
import type { Value } from '@tenon/graph'
import { Add, Gemm, MatMulNBits, Relu, SimplifiedLayerNormalization } from '@tenon/graph/ops'
import { mergeProducts } from '@tenon/graph/passes'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { applied, graphOf, normal, opsOf, outputOf, relativeError, weight } from '../test-support.js'
import { dequantizeBlocks } from './dequantize-blocks.js'
import { graphsOf, openModel, writeModel } from './test-checkpoint.js'
import { quantizeWeights, weightOnly } from './weight-only.js'
import { quantizeBlocks } from './weight-only-pass.js'

const backend = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

const constant = (x: Value, shape: readonly number[], name: string, values?: Float32Array) => x.builder.constant(weight(shape, values), name)
const linear = (x: Value, w: Constant, name = 'w', bias?: Value) => Gemm(x, x.builder.constant(w, name), bias, { transB: 1 })
/** Behind a norm, a layer is no head. */
const normed = (x: Value) => SimplifiedLayerNormalization(x, constant(x, [x.shape.at(-1) as number], 'gamma', new Float32Array(x.shape.at(-1) as number).fill(1)))
const products = (graph: Graph) => graph.nodes.filter((node): node is Node => node.op === MatMulNBits.op)
const levels = (graph: Graph) => products(graph).map(({ attributes }) => attributes['accuracy_level'])
/** Some numbers are a thousand times the others, as in the activations of decoders. */
const spiked = (shape: readonly number[]) => normal(shape, 11).map((each, index) => (index % 97 === 0 ? each * 1000 : each))

describe('activations in 16 bits', () => {
  it.each([[4, 32], [4, 128], [8, 16], [8, 32], [8, 64]] as const)('of %i bits in blocks of %i multiply as floats do, to 5 digits, where 8 bits lose the third', async (bits, blockSize) => {
    const w = weight([96, 256])
    const graph = graphOf(['rows', 256], (x) => normed(linear(x, w, 'w', constant(x, [96], 'bias'))))
    const meant = weight([96, 256], viewAs('float32', await dequantizeBlocks(quantizeBlocks(w, 0, { bits, blockSize }), 96, 256).bytes()))
    const reference = graphOf(['rows', 256], (x) => normed(linear(x, meant, 'w', constant(x, [96], 'bias'))))
    for (const x of [normal([5, 256]), spiked([5, 256])]) {
      const floats = await outputOf(backend, reference, [5, 256], x)
      const error = async (activations: 'int8' | 'int16') => relativeError(await outputOf(backend, applied(quantizeWeights({ bits, blockSize, activations }), graph), [5, 256], x), floats)
      expect(await error('int16')).toBeLessThan(1e-4)
      expect(await error('int8')).toBeGreaterThan(1e-3)
    }
  })

  it('give one row the bits that they give several, in blocks of 32', async () => {
    const graph = applied(quantizeWeights({ bits: 8, activations: 'int16' }), graphOf(['rows', 128], (x) => normed(linear(x, weight([96, 128])))))
    const x = normal([6, 128])
    const all = await outputOf(backend, graph, [6, 128], x)
    for (const row of [0, 3, 5]) expect(await outputOf(backend, graph, [1, 128], x.slice(row * 128, (row + 1) * 128))).toEqual(all.slice(row * 96, (row + 1) * 96))
  })

  const inBlocks = (x: Value, size: number, name: string) => {
    const zeroPoints = inlineConstant('uint8', [size, 2], Uint8Array.from({ length: size * 2 }, (_, index) => (index * 37) % 256))
    const { codes, scales } = quantizeBlocks(weight([size, 128]), 0, { bits: 4, blockSize: 32 })
    return MatMulNBits(x, x.builder.constant(codes, `${name}.codes`), x.builder.constant(scales, `${name}.scales`), x.builder.constant(zeroPoints, `${name}.zeros`), undefined, constant(x, [size], `${name}.bias`), { K: 128, N: size, bits: 4, block_size: 32, accuracy_level: 4 })
  }
  const withLevel = (graph: Graph, level: number): Graph => ({ ...graph, nodes: graph.nodes.map((node) => (node.op === MatMulNBits.op ? { ...node, attributes: { ...node.attributes, accuracy_level: level } } : node)) })

  it('hold for weights that lie in blocks, as in a GGUF, and leave the others in floats where that is asked for', async () => {
    const graph = graphOf(['rows', 128], (x) => linear(normed(inBlocks(x, 128, 'inner')), weight([96, 128]), 'head'))
    const finer = applied(quantizeWeights({ activations: 'int16', smallest: Infinity }), graph)
    expect([opsOf(finer).includes('Gemm'), finer.constants.get('inner.codes')]).toEqual([true, graph.constants.get('inner.codes')])
    const x = normal([5, 128])
    const floats = await outputOf(backend, withLevel(graph, 1), [5, 128], x)
    expect(relativeError(await outputOf(backend, finer, [5, 128], x), floats)).toBeLessThan(1e-4)
    expect(relativeError(await outputOf(backend, graph, [5, 128], x), floats)).toBeGreaterThan(1e-3)
    expect(quantizeWeights({ smallest: Infinity }).apply(graph)).toBe(graph)
  })

  it('are taken apart once for all layers that read them, whose products can be merged', () => {
    const graph = graphOf(['rows', 128], (x) => Add(Relu(linear(x, weight([96, 128]), 'one')), Relu(linear(x, weight([96, 128]), 'other'))))
    const finer = applied(quantizeWeights({ activations: 'int16' }), graph)
    expect(opsOf(finer).filter((op) => op === 'Concat')).toHaveLength(1)
    expect([products(finer).length, products(mergeProducts().apply(finer)).length]).toEqual([3, 2])
  })

  it('are floats where a row ends within a block', async () => {
    const w = weight([96, 100])
    const graph = graphOf(['rows', 100], (x) => normed(linear(x, w)))
    const finer = applied(quantizeWeights({ bits: 8, activations: 'int16' }), graph)
    expect(levels(finer)).toEqual([1])
    const meant = weight([96, 100], viewAs('float32', await dequantizeBlocks(quantizeBlocks(w, 0, { bits: 8, blockSize: 64 }), 96, 100).bytes()))
    const x = normal([5, 100])
    expect(relativeError(await outputOf(backend, finer, [5, 100], x), await outputOf(backend, graphOf(['rows', 100], (x) => normed(linear(x, meant))), [5, 100], x))).toBeLessThan(1e-5)
  })

  it('read prompts by the same graph, and refuse the one that rounds to 8 bits', () => {
    const { pass } = weightOnly()
    expect(pass({ activations: 'int16' }, 'prefill').name).toBe(pass({ activations: 'int16' }, 'decoder').name)
    expect(() => pass({ activations: 'int16', prefill: 'int8' }, 'prefill')).toThrow(InvalidOptionError)
    expect(() => weightOnly({ activations: 'float16' as 'int16' })).toThrow(/'activations' .*float16/)
  })

  it('are multiplied by the weights that are kept already', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-compress-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await writeModel(join(folder, 'model'), 128)
    await using checkpoint = await openModel(join(folder, 'model'))
    for (const options of [{ prefill: 'same' }, { activations: 'int16' }] as const) {
      const asked = { ...options, cache: join(folder, 'cache') }
      const graph = weightOnly().pass(asked, 'decoder').apply(graphsOf(checkpoint)['decoder']!)
      const { decoder } = await weightOnly().prepare!({ model: graph, decoder: graph, prefill: graph }, asked, { checkpoint, emit: () => {} })
      expect([...decoder!.constants.values()].filter(({ file, inline }) => file === undefined && inline === undefined)).toEqual([])
    }
    expect(await readdir(join(folder, 'cache'))).toHaveLength(1)
  })
})
