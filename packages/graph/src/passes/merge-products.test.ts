import { inlineConstant, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import type { Value } from '../op.js'
import { Add, MatMulNBits, Mul, Relu } from '../ops/index.js'
import { constantOf, noise, run } from '../test-support.js'
import { verify } from '../verify.js'
import { mergeProducts } from './merge-products.js'

const [K, BLOCK] = [32, 16]

interface Weight {
  readonly bits?: 4 | 8
  readonly zeros?: boolean
  readonly bias?: boolean
}

const codesOf = (N: number) => inlineConstant('uint8', [N, K / BLOCK, BLOCK / 2], Uint8Array.from({ length: (N * K) / 2 }, (_, index) => (index * 37 + N * 11) % 256))

const multiplied = (x: Value, [N, codes, scales]: readonly [N: number, codes: Value, scales: Value]): Value => MatMulNBits(x, codes, scales, undefined, undefined, undefined, { N, K, bits: 4, block_size: BLOCK })

function product(x: Value, N: number, { bits = 4, zeros = false, bias = false }: Weight = {}): Value {
  const { builder } = x
  const codes = (shape: readonly number[]) => builder.constant(inlineConstant('uint8', shape, Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => (index * 37 + N * 11) % 256)))
  const blocks = K / BLOCK
  return MatMulNBits(
    x,
    codes([N, blocks, (BLOCK * bits) / 8]),
    builder.constant(constantOf(noise([N, blocks], N))),
    zeros ? codes([N, (blocks * bits) / 8]) : undefined,
    undefined,
    bias ? builder.constant(constantOf(noise([N], N + 1))) : undefined,
    { N, K, bits, block_size: BLOCK },
  )
}

function graphOf(emit: (x: Value) => readonly Value[]): Graph {
  const builder = new GraphBuilder('test')
  const outputs = emit(builder.input('x', 'float32', ['rows', K]))
  outputs.forEach((output, index) => builder.output(`y${index}`, output))
  return builder.build()
}

/** The runs of these tests want bytes at hand. */
async function fetched(graph: Graph): Promise<Graph> {
  const constants = await Promise.all(Array.from(graph.constants, async ([name, constant]) => [name, { ...constant, inline: await constant.bytes() }] as const))
  return { ...graph, constants: new Map(constants) }
}

const count = (graph: Graph) => graph.nodes.filter(({ op }) => op.endsWith('MatMulNBits')).length

describe('merging products', () => {
  it.each<[string, Weight[], number]>([
    ['three of one input', [{}, {}, {}], 1],
    ['of eight bits', [{ bits: 8 }, { bits: 8 }], 1],
    ['with zero points', [{ zeros: true }, { zeros: true }], 1],
    ['some of them with biases', [{ bias: true }, {}, { bias: true }], 1],
    ['with zero points and biases', [{ zeros: true, bias: true }, { zeros: true, bias: true }], 1],
    ['but not those of other bits', [{}, {}, { bits: 8 }], 2],
    ['but not those with zero points and those without', [{}, { zeros: true }], 2],
    ['but not one alone', [{}], 1],
  ])('takes together %s, and computes the same', async (_, weights, expected) => {
    const graph = graphOf((x) => weights.map((weight, index) => Relu(product(x, 3 + 2 * index, weight))))
    const merged = verify(mergeProducts().apply(graph))
    expect(count(merged)).toBe(expected)
    expect(mergeProducts().apply(merged)).toBe(merged)
    const feeds = { x: noise([5, K]) }
    expect(await run(await fetched(merged), feeds)).toEqual(await run(graph, feeds))
  })

  it('leaves products of several inputs apart, and graphs without any as they are', () => {
    const graph = graphOf((x) => [product(x, 4), product(Relu(x), 4)])
    expect(mergeProducts().apply(graph)).toBe(graph)
    const plain = graphOf((x) => [Mul(x, x)])
    expect(mergeProducts().apply(plain)).toBe(plain)
  })

  it('leaves weights in their file where they lie behind one another', () => {
    const graph = graphOf((x) => [product(x, 4), product(x, 6)])
    let offset = 64
    const inFile = new Map(Array.from(graph.constants, ([name, constant]) => {
      const placed = { ...constant, file: { path: '/weights', offset } }
      if (constant.dtype === 'uint8') offset += constant.byteLength
      return [name, placed]
    }))
    const merged = mergeProducts().apply({ ...graph, constants: inFile })
    const files = Array.from(merged.constants.values(), ({ dtype, file }) => [dtype, file?.offset])
    expect(files).toEqual(expect.arrayContaining([['uint8', 64], ['float32', undefined]]))
  })

  it('says what its stacks are computed from, where all of their parts say so', () => {
    const graph = graphOf((x) => [product(x, 4), product(x, 6)])
    const told = (only: (name: string) => boolean) => new Map(Array.from(graph.constants, ([name, constant]) => [name, only(name) ? { ...constant, origin: { how: name, files: ['/weights'] } } : constant]))
    const origins = (constants: Graph['constants']) => Array.from(mergeProducts().apply({ ...graph, constants }).constants).flatMap(([name, { origin }]) => (name.endsWith('codes') ? [origin] : []))
    const codes = graph.nodes.map(({ inputs }) => inputs[1]!)
    expect(origins(told(() => true))).toEqual([{ how: `rows of (${codes[0]!}), (${codes[1]!})`, files: ['/weights'] }])
    expect(origins(told((name) => name !== codes[1]))).toEqual([undefined])
  })

  it('merges what is read between the products, and outputs of the graph', async () => {
    const graph = graphOf((x) => {
      const first = product(x, 6)
      const early = Add(first, first)
      return [first, product(x, 6), early]
    })
    const merged = verify(mergeProducts().apply(graph))
    expect(count(merged)).toBe(1)
    const feeds = { x: noise([2, K]) }
    expect(await run(await fetched(merged), feeds)).toEqual(await run(graph, feeds))
  })

  it('tells apart products of several inputs with the same weights', async () => {
    const graph = graphOf((x) => {
      const [first, second, third] = [4, 6, 8].map((N) => [N, x.builder.constant(codesOf(N)), x.builder.constant(constantOf(noise([N, K / BLOCK], N)))] as const)
      const times = (y: Value, ...weights: (typeof first)[]) => weights.map((weight) => multiplied(y, weight!))
      return [...times(x, first, second), ...times(Relu(x), first, second), ...times(Mul(x, x), first, third)]
    })
    const merged = verify(mergeProducts().apply(graph))
    expect(count(merged)).toBe(3)
    const feeds = { x: noise([2, K]) }
    expect(await run(await fetched(merged), feeds)).toEqual(await run(graph, feeds))
  })

  it('leaves apart what is laid out otherwise, or has zero points of another type', () => {
    const flat = (N: number) => constantOf(noise([N * (K / BLOCK)], N))
    const graph = graphOf((x) => {
      const codes = [4, 6].map((N) => [N, x.builder.constant(codesOf(N))] as const)
      return codes.map(([N, each], index) => multiplied(x, [N, each, x.builder.constant(index === 0 ? flat(N) : constantOf(noise([N, K / BLOCK], N)))]))
    })
    expect(mergeProducts().apply(graph)).toBe(graph)
    const pointed = graphOf((x) => [product(x, 4, { zeros: true }), MatMulNBits(x, x.builder.constant(codesOf(6)), x.builder.constant(constantOf(noise([6, K / BLOCK]))), x.builder.constant(constantOf(noise([6, K / BLOCK], 2))), undefined, undefined, { N: 6, K, bits: 4, block_size: BLOCK })])
    expect(mergeProducts().apply(pointed)).toBe(pointed)
  })
})
