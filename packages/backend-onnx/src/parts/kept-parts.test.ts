import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { inlineConstant, keepBeside, lazyConstant, tensor, type Constant, type Graph, type TenonEvent } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { Add, MatMul, Relu } from '@tenon/graph/ops'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

import { onnx } from '../index.js'

/** A matrix of more than 64 KB, which is not written into the model. */
const SIZE = 160
const values = Float32Array.from({ length: SIZE * SIZE }, (_, index) => Math.sin(index))
let folder: string
let weight: Constant

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-kept-parts-'))
  const path = join(folder, 'weights')
  await writeFile(path, new Uint8Array(values.buffer))
  weight = { dtype: 'float32', shape: [SIZE, SIZE], byteLength: values.byteLength, file: { path, offset: 0 }, bytes: async () => new Uint8Array(values.buffer) }
})
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeEach(() => {
  vi.stubGlobal('TENON_REVISION', 'of the test')
  return () => vi.unstubAllGlobals()
})

/** A graph, and whether its nodes were looked at. */
function watched(of: Constant, kept: Map<string, Uint8Array>) {
  const builder = new GraphBuilder('kept')
  const x = builder.input('x', 'float32', ['rows', SIZE])
  const w = builder.constant(of, 'weight')
  builder.output('y', Relu(of.shape.length === 1 ? Add(x, w) : MatMul(x, w)), x)
  const graph = builder.build()
  const looked = vi.fn<() => Graph['nodes']>(() => graph.nodes)
  const watching = Object.defineProperty({ ...graph }, 'nodes', { get: looked }) as Graph
  keepBeside(watching, { read: (name) => kept.get(name), write: async (name, bytes) => void kept.set(name, bytes.slice()) })
  return { graph: watching, looked }
}

async function run(graph: Graph, options: Parameters<typeof onnx>[0] = { threads: 1 }, onceLoaded = async (): Promise<void> => undefined): Promise<readonly number[]> {
  const backend = onnx(options)
  onTestFinished(() => backend.dispose?.())
  const events: TenonEvent[] = []
  await using executable = await backend.compile(graph, {}, { emit: (event) => events.push(event) })
  expect(events).toContainEqual({ type: 'memory', name: "weights of 'kept'", bytes: graph.constants.get('weight')!.byteLength })
  await onceLoaded()
  const x = tensor('float32', [1, SIZE], Float32Array.from({ length: SIZE }, (_, index) => index / SIZE))
  await executable.run({ x })
  return Array.from(x.values as Float32Array)
}

describe('a graph beside which something may be kept', () => {
  it.each(['native', 'worker'] as const)('is lowered and written down once: the next time nobody looks at its nodes, and it computes the same (%s binding)', async (binding) => {
    const kept = new Map<string, Uint8Array>()
    const first = watched(weight, kept)
    const expected = await run(first.graph, { threads: 1, binding })
    expect([first.looked.mock.calls.length > 0, kept.size]).toEqual([true, 1])
    const second = watched(weight, kept)
    expect(await run(second.graph, { threads: 1, binding })).toEqual(expected)
    expect(second.looked).not.toHaveBeenCalled()
  })

  it('is written down anew by other code', async () => {
    const kept = new Map<string, Uint8Array>()
    await run(watched(weight, kept).graph)
    vi.stubGlobal('TENON_REVISION', 'of another build')
    const { graph, looked } = watched(weight, kept)
    await run(graph)
    expect([looked.mock.calls.length > 0, kept.size]).toEqual([true, 2])
  })

  it('is not kept by code that may change between any two runs', async () => {
    vi.stubGlobal('TENON_REVISION', undefined)
    const kept = new Map<string, Uint8Array>()
    await run(watched(weight, kept).graph)
    expect(kept.size).toBe(0)
  })

  it('is not kept where its weights lie in a file that is deleted', async () => {
    const kept = new Map<string, Uint8Array>()
    const computed = lazyConstant('float32', [SIZE, SIZE], async () => new Uint8Array(values.buffer))
    expect(await run(watched(computed, kept).graph)).toEqual(await run(watched(weight, new Map()).graph))
    expect(kept.size).toBe(0)
  })

  it('is made again where what was kept cannot be loaded', async () => {
    const kept = new Map<string, Uint8Array>()
    const expected = await run(watched(weight, kept).graph)
    const [[name, whole]] = Array.from(kept) as [[string, Uint8Array]]
    for (const damaged of [whole.fill(7, whole.length - 40), new TextEncoder().encode('[]\n'), new TextEncoder().encode('?'), new Uint8Array()]) {
      kept.set(name, damaged)
      const { graph, looked } = watched(weight, kept)
      expect(await run(graph)).toEqual(expected)
      expect(looked).toHaveBeenCalled()
    }
  })

  it('runs its weights from where they lie the next time, too, where they were laid there for that', async () => {
    const kept = new Map<string, Uint8Array>()
    const path = join(folder, 'in-place')
    const inPlace = (): Constant => ({ ...weight, file: { path, offset: 0, inPlace: true } })
    const results: (readonly number[])[] = []
    for (const once of [1, 2]) {
      await writeFile(path, new Uint8Array(values.buffer))
      const { graph, looked } = watched(inPlace(), kept)
      results.push(await run(graph, { threads: 1 }, () => writeFile(path, new Uint8Array(values.map((value) => once * value).buffer))))
      expect(looked.mock.calls.length > 0).toBe(once === 1)
    }
    expect(results[1]).toEqual(results[0]!.map((value) => 2 * value))
  })

  it.each([
    ['in memory', inlineConstant('float32', [SIZE], values.slice(0, SIZE))],
    ['computed', lazyConstant('float32', [SIZE], async () => new Uint8Array(values.slice(0, SIZE).buffer))],
  ])('is kept with those of its weights that are small and %s', async (_, bias) => {
    const kept = new Map<string, Uint8Array>()
    const expected = await run(watched(bias, kept).graph)
    const { graph, looked } = watched(bias, kept)
    expect(await run(graph)).toEqual(expected)
    expect(looked).not.toHaveBeenCalled()
  })
})
