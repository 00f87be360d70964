import type { Backend, Executable, Graph, Tensor } from '@tenon/core'
import { standardOps } from '@tenon/graph/ops'
import { afterAll, describe, expect, it } from 'vitest'
import { hostOps } from './host/index.js'
import { tfjs } from './index.js'
import { deviceOps } from './ops/index.js'
import type { TfjsOptions } from './options.js'
import { cases, feedsOf, graphOf, titleOf, type Case } from './testing/cases.js'
import { load, testedDevices } from './testing/devices.js'

const ignore = { emit: () => {} }

/** Rounded to 8 bits, a last bit may go the other way. */
const tolerance = ({ op }: Case) => (op.includes('QLinear') || op.includes('QGemm') ? 1 : 1e-5)

async function results(backend: Backend<'tfjs', TfjsOptions>, graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  await using executable: Executable = await backend.compile(graph, {}, ignore)
  const outputs = await executable.run(feeds)
  return Promise.all(
    graph.outputs.map(async ({ name }) => {
      using output = outputs[name]!
      return { dtype: output.dtype, shape: output.shape, data: Array.from((await output.data()) as Float32Array, Number) }
    }),
  )
}

/** The largest difference, in parts of the expected size where that is above 1; infinite where the lists do not match at all. */
function away(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity
  return expected.reduce((worst, value, index) => {
    if (Object.is(value, actual[index]) || value === actual[index]) return worst
    const apart = Math.abs(value - actual[index]!) / Math.max(1, Math.abs(value))
    return Math.max(worst, Number.isNaN(apart) ? Infinity : apart)
  }, 0)
}

it('every operator has a kernel, on a device or in JavaScript, or is computed by others', () => {
  const without = [...standardOps].filter(([op, { decompose }]) => !deviceOps.has(op) && !hostOps.has(op) && decompose === undefined)
  // A product of floats here: see lowering.ts.
  expect(without.map(([op]) => op)).toEqual(['MatMulInteger'])
  expect([...deviceOps.keys(), ...hostOps.keys()].filter((op) => !standardOps.has(op))).toEqual([])
})

describe.each(testedDevices)('every operator on %s, compared with the reference implementation', (device) => {
  const backend = tfjs({ devices: [device], load })
  afterAll(() => backend.dispose?.())

  it.each(cases.map((each) => [titleOf(each), each] as const))('%s', async (_, each) => {
    for (const as of ['inputs', 'constants'] as const) {
      const graph = graphOf(each, as)
      const found = await results(backend, graph, feedsOf(each, graph))
      expect(found.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(each.outputs.map(({ dtype, shape }) => ({ dtype, shape })))
      for (const [index, { data }] of each.outputs.entries()) expect(away(found[index]!.data, data)).toBeLessThanOrEqual(tolerance(each))
    }
  })
})
