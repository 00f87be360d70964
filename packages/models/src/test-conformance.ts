import { join } from 'node:path'
import type { Graph, Model } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { verify } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { lower } from '@tenon/graph/passes'
import { afterAll, describe, expect, it } from 'vitest'
import { apart, casesOf, compile, folderOf, foldersOf, open, removeWeights, run, tolerance, type Fixture } from './test-support.js'

export const backend = onnx({ threads: 2 })

/** Composites in standard operators, as for a backend that has no operators of ONNX Runtime's own. */
const standard = lower({ name: 'standard operators only', supports: ({ op }) => !op.includes('::') })

/** What each case of a fixture lacks to be what PyTorch computes. */
export async function wrongCases(graph: Graph, of: Fixture): Promise<readonly string[]> {
  const executable = await compile(backend, graph)
  const cases = await casesOf(of)
  expect(cases.length).toBeGreaterThan(0)
  const wrong: string[] = []
  for (const { name, feeds, outputs } of cases) {
    const away = apart(await run(executable, feeds), outputs)
    if (away > tolerance.float32) wrong.push(`${name}: ${away}`)
  }
  return wrong
}

/** How far the states of the second text of the case `padded`, seven tokens of 32 numbers, are from PyTorch's in its batch when it is run alone. */
export async function awayAlone(graph: Graph, of: Fixture): Promise<number> {
  const { feeds, outputs } = (await casesOf(of)).find(({ name }) => name === 'padded')!
  const [, width] = feeds['input_ids']!.shape as readonly [number, number]
  const alone = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, 7], values: (feed.values as BigInt64Array).slice(width, width + 7) }]))
  const { last_hidden_state: states } = await run(await compile(backend, graph), alone)
  const padded = outputs['last_hidden_state']!.data.slice(width * 32, (width + 7) * 32)
  return apart({ states: { shape: [], data: states!.data } }, { states: { shape: [], data: padded } })
}

/** Declares the tests that every family passes: each fixture is what PyTorch computes, built, lowered, and exported and read again. */
export function describeFamily(family: Model, fixtures: readonly Fixture[]): void {
  const build = async (folder: string, head: string): Promise<Graph> => verify((await family.build(await open(folder), { head }))['model']!)
  afterAll(() => backend.dispose?.())

  describe('the fixtures', () => {
    it('are all covered', async () => {
      expect(fixtures.map(({ name }) => name).toSorted()).toEqual((await foldersOf(family.name)).toSorted())
    })

    it('cover every head', () => {
      expect([...new Set(fixtures.map(({ head }) => head))].toSorted()).toEqual([...family.heads].toSorted())
    })
  })

  describe.each(fixtures)('$name, head $head', (of) => {
    it('computes what PyTorch does, on every case and output', async () => {
      expect(await wrongCases(await build(await folderOf(of), of.head), of)).toEqual([])
    })

    it('computes the same in standard operators', async () => {
      const graph = verify(standard.apply(await build(await folderOf(of), of.head)))
      expect(graph.nodes.filter(({ op }) => op.includes('::'))).toEqual([])
      expect(await wrongCases(graph, of)).toEqual([])
    })

    it('computes the same when exported, and opened without its weights', async () => {
      const folder = await folderOf(of)
      const graph = await build(folder, of.head)
      await writeOnnx(graph, join(folder, 'onnx/model.onnx'))
      await removeWeights(folder)
      expect((await open(folder)).constants.size).toBe(0)
      const again = await build(folder, of.head)
      expect(again.inputs).toEqual(graph.inputs)
      expect(again.outputs).toEqual(graph.outputs)
      expect(await wrongCases(again, of)).toEqual([])
    })
  })
}
