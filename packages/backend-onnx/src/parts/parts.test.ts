import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { inlineConstant, lazyConstant, tensor, type Graph, type HostTensor, type Tensor } from '@tenon/core'
import { GraphBuilder, verify, type Value } from '@tenon/graph'
import { Add, Gather, MatMul, MatMulNBits, Relu } from '@tenon/graph/ops'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Binding, Session } from '../binding.js'
import { NativeBinding } from '../c-api/native-binding.js'
import { onnx } from '../index.js'
import { findInstallation } from '../library.js'
import { divide } from './divide.js'
import { namesOf, prepareParts } from './prepare-parts.js'

const SIZE = 8
const matrix = (seed: number) => Float32Array.from({ length: SIZE * SIZE }, (_, index) => Math.sin(seed * 100 + index))

/** Layers with a branch around each, and a state that each adds to. */
function layered(layers: number): Graph {
  const builder = new GraphBuilder('layered')
  let x: Value = Gather(builder.constant(inlineConstant('float32', [100, SIZE], new Float32Array(100 * SIZE).fill(0.5)), 'table'), builder.input('ids', 'int64', ['rows']))
  for (let layer = 0; layer < layers; layer++) {
    const state = builder.input(`state ${layer}`, 'float32', ['rows', SIZE])
    x = Add(x, Relu(MatMul(x, builder.constant(inlineConstant('float32', [SIZE, SIZE], matrix(layer)), `weight ${layer}`))))
    builder.output(`new state ${layer}`, Add(state, x), state)
  }
  builder.output('y', x)
  return builder.build()
}

describe('a graph that is divided', () => {
  it('is cut where few values pass, into parts of about the same weights, each a graph that stands', () => {
    const graph = layered(8)
    const parts = divide(graph, 4, 1)
    expect(parts.map(({ nodes }) => nodes.filter(({ op }) => op === 'MatMul').length)).toEqual([2, 2, 2, 2])
    for (const part of parts) verify(part)
    expect(parts.flatMap(({ nodes }) => nodes)).toEqual(graph.nodes)
    expect(parts.flatMap(({ outputs }) => outputs.map(({ name }) => name)).filter((name) => name.startsWith('new state'))).toHaveLength(8)
    for (const [index, part] of parts.entries()) {
      const given = new Set([...graph.inputs, ...parts.slice(0, index).flatMap(({ outputs }) => outputs)].map(({ name }) => name))
      expect(part.inputs.filter(({ name }) => !given.has(name))).toEqual([])
      expect(part.inputs.filter(({ name }) => !name.startsWith('state'))).toHaveLength(1)
    }
  })

  it('stays whole where there is little to lay out, where one part is asked for, and where many values would pass', () => {
    const graph = layered(8)
    expect(divide(graph, 4)).toEqual([graph])
    expect(divide(graph, 1, 1)).toEqual([graph])
    const builder = new GraphBuilder('wide')
    const x = builder.input('x', 'float32', ['rows', SIZE])
    const branches = Array.from({ length: 12 }, (_, index) => MatMul(x, builder.constant(inlineConstant('float32', [SIZE, SIZE], matrix(index)))))
    const ends = branches.map((branch, index) => MatMul(branch, builder.constant(inlineConstant('float32', [SIZE, SIZE], matrix(index)))))
    builder.output('y', ends.reduce((sum, end) => Add(sum, end)))
    const wide = builder.build()
    expect(divide(wide, 2, 1)).toEqual([wide])
  })

  it('gives a part more of what is laid out sooner', () => {
    const builder = new GraphBuilder('blocks')
    const blocks = (bits: number) => builder.constant(inlineConstant('uint8', [64, 1, 8 * bits], new Uint8Array(64 * 8 * bits)))
    const scales = builder.constant(inlineConstant('float32', [64, 1], new Float32Array(64)))
    const product = (x: Value, bits: number) => MatMulNBits(x, blocks(bits), scales, undefined, undefined, undefined, { K: 64, N: 64, bits, block_size: 64, accuracy_level: 4 })
    let x = builder.input('x', 'float32', ['rows', 64])
    for (let layer = 0; layer < 7; layer++) x = product(x, 4)
    builder.output('y', product(product(product(x, 8), 8), 8))
    // 7 · 2,304 bytes, and 3 · 4,352 that take 4/3 as long; by bytes alone it would be 6 and 4.
    expect(divide(builder.build(), 2, 1).map(({ nodes }) => nodes.length)).toEqual([7, 3])
  })

  it('counts nothing that is run from where it lies', () => {
    const graph = layered(8)
    const first = new Set(Array.from({ length: 6 }, (_, layer) => graph.constants.get(`weight ${layer}`)!))
    const products = (parts: readonly Graph[]) => parts.map(({ nodes }) => nodes.filter(({ op }) => op === 'MatMul').length)
    expect([products(divide(graph, 2, 1)), products(divide(graph, 2, 1, first))]).toEqual([[4, 4], [7, 1]])
    expect(divide(graph, 2, 1, new Set(graph.constants.values()))).toEqual([graph])
  })

  it('counts no tables, which are looked up where they are', () => {
    const builder = new GraphBuilder('tables')
    const ids = builder.input('ids', 'int64', ['rows'])
    const table = builder.constant(inlineConstant('float32', [100, SIZE], new Float32Array(100 * SIZE)))
    builder.output('y', Add(Gather(table, ids), Gather(table, Add(ids, ids))))
    const graph = builder.build()
    expect(divide(graph, 2, 100)).toEqual([graph])
  })
})

describe('parts that are loaded', () => {
  let binding: Binding
  beforeAll(async () => {
    binding = await NativeBinding.create(findInstallation().library, { threads: 2, spinning: false })
  })
  afterAll(() => binding.close())

  const graph = layered(6)
  const settings = {
    ...namesOf(graph),
    updates: graph.outputs.map(({ name }) => (graph.updates!.has(name) ? graph.inputs.findIndex((input) => input.name === graph.updates!.get(name)) : undefined)),
    sizes: graph.outputs.map(() => undefined),
    device: { device: 'cpu' },
    prepack: true,
  } as const
  const open = async (parts: readonly Graph[], signal?: AbortSignal) => binding.open(await prepareParts(parts, {}), settings, signal)
  const feeds = () => graph.inputs.map(({ name }) => (name === 'ids' ? tensor('int64', [3], BigInt64Array.of(1n, 2n, 3n)) : tensor('float32', [3, SIZE], new Float32Array(3 * SIZE).fill(name.length))))
  const numbers = async (session: Session, fed: readonly HostTensor[]) => {
    const made: Tensor[] = await session.run(fed)
    return [...(await Promise.all(made.map(async (each) => Array.from((await each.data()) as Float32Array)))), ...fed.map(({ values }) => Array.from(values as Float32Array))]
  }

  it('compute what the whole does, to the bit, and write its updates', async () => {
    const [whole, divided] = [await open([graph]), await open(divide(graph, 3, 1))]
    const [fed, same] = [feeds(), feeds()]
    for (let run = 0; run < 3; run++) expect(await numbers(divided, fed)).toEqual(await numbers(whole, same))
    expect(Array.from(fed[1]!.values as Float32Array)).not.toEqual(Array.from(feeds()[1]!.values as Float32Array))
    await Promise.all([whole.close(), divided.close()])
  })

  it('are all given back where one of them cannot be loaded', async () => {
    const [first, second] = divide(graph, 2, 1) as [Graph, Graph]
    const broken = { ...second, constants: new Map([...second.constants, ['weight 4', inlineConstant('float32', [SIZE + 1, SIZE], new Float32Array((SIZE + 1) * SIZE))]]) }
    await expect(open([first, broken])).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED' })
  })

  it('fail as one where a part does, and run on', async () => {
    const divided = await open(divide(graph, 3, 1))
    const wrong = feeds().map((feed, index) => (index === graph.inputs.length - 1 ? tensor('float32', [2, SIZE], new Float32Array(2 * SIZE)) : feed))
    await expect(divided.run(wrong)).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED' })
    expect(await divided.run(feeds())).toHaveLength(1)
    await divided.close()
  })

  it('end with the signal, before and between their runs', async () => {
    const divided = await open(divide(graph, 3, 1))
    await expect(divided.run(feeds(), AbortSignal.abort())).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    const abort = new AbortController()
    const run = divided.run(feeds(), abort.signal)
    queueMicrotask(() => abort.abort())
    await run.then((made) => expect(made).toHaveLength(1), (error: unknown) => expect(error).toMatchObject({ code: 'TENON_ABORTED' }))
    await expect(open(divide(graph, 3, 1), AbortSignal.abort())).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    await divided.close()
  })
})

it('a large model is divided by itself, and leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-parts-'))
  await using backend = Object.assign(onnx({ threads: 2, temporaryFolder: folder }), { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) })
  const side = 4096
  const bytes = new Uint8Array(4 * side * side)
  const weight = lazyConstant('float32', [side, side], async () => bytes)
  const builder = new GraphBuilder('large')
  const x = builder.input('x', 'float32', ['rows', side])
  const products = ['first', 'second', 'third', 'fourth', 'fifth'].reduce((value, name) => MatMul(value, builder.constant(weight, name)), x)
  builder.output('y', Add(products, x))
  const graph = builder.build()
  expect(divide(graph, 2).map(({ name }) => name)).toEqual(['large, part 1 of 2', 'large, part 2 of 2'])
  const executable = await backend.compile(graph, {}, { emit: () => {} })
  expect(await readdir(folder)).toEqual([])
  const { y } = await executable.run({ x: tensor('float32', [1, side], new Float32Array(side).fill(3)) })
  expect(new Set((await y!.data()) as Float32Array)).toEqual(new Set([3]))
  await executable[Symbol.asyncDispose]()
  await backend.dispose?.()
})
