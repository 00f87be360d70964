import type { Graph, Model } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { testModel } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { apart, asPublished, casesOf, compile, foldersOf, run, tolerance, type Fixture } from './test-support.js'

export const backend = onnx({ threads: 2 })

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

/** Declares the tests that every family passes. */
export function describeFamily(family: Model, fixtures: readonly Fixture[]): void {
  afterAll(() => backend.dispose?.())

  it('has all its fixtures covered', async () => {
    expect(fixtures.map(({ name }) => name).toSorted()).toEqual((await foldersOf(family.name)).toSorted())
  })

  testModel({ describe, it, afterAll }, { create: () => family, backend: () => onnx({ threads: 2 }), fixtures: fixtures.map(asPublished) })
}
