import { tensor } from '@tenon/core'
import { gradient, parameters } from '@tenon/graph/gradient'
import { afterAll, describe, expect, it } from 'vitest'
import { chooseParameters } from './choose-parameters.js'
import { apart, backends, classification, compile, cleanUp, feedsOf, fixture, graphOf, hostTensors, noise, outputsOf, runtime, tensorsIn, type Feeds, type Written } from './test-support.js'
import { withLoss } from './training-step.js'

afterAll(cleanUp)

interface Case {
  readonly family: string
  readonly checkpoint: string
  readonly batch: Readonly<Record<string, Written>>
  readonly loss: number
}

/** A case, and the graph of its loss with the parameters as inputs. */
async function load(name: string) {
  const given: Case = await fixture(`${name}.json`)
  const model = await graphOf(given.family, given.checkpoint)
  const scored = withLoss(model, classification)
  const { graph, constants } = parameters(scored, chooseParameters(scored, model, undefined))
  return { given, graph, constants, backward: gradient(graph, { of: 'loss', withRespectTo: constants.keys() }) }
}
const loaded = new Map<string, ReturnType<typeof load>>()
const lossOf = (name: string) => loaded.get(name) ?? loaded.set(name, load(name)).get(name)!

describe.each([
  'bert-sequence-classification',
  'distilbert-token-classification', // with tokens that do not count
  'roberta-masked-lm', // whose decoder is the embedding
  'albert-sequence-classification', // whose layers share their parameters
  'modernbert-token-classification',
  'deberta-v2-sequence-classification',
])('the gradient of %s', (name) => {
  it.each(backends)('is that of PyTorch for every parameter, on $on', async ({ backend }) => {
    const { given, constants, backward } = await lossOf(name)
    const expected = await tensorsIn(`${name}.safetensors`)
    expect([...constants.keys()].toSorted()).toEqual([...expected.keys()].toSorted())
    const executable = await compile(backend, backward)
    const outputs = await outputsOf(executable, { ...feedsOf(given.batch), ...(await hostTensors(constants)) })
    expect(outputs['loss']![0]).toBeCloseTo(given.loss, 5)
    const away = Array.from(expected, ([parameter, values]) => [parameter, apart(outputs[`gradient.${parameter}`]!, values), Math.max(...values.map(Math.abs))] as const)
    // Also in parts of the largest, where a parameter hardly matters; what has no effect at all, as the bias of an attention's keys, is 0 but for rounding.
    const wrong = away.filter(([, distance, largest]) => !(distance <= 1e-5 && (distance <= 1e-5 * largest || distance <= 1e-6)))
    expect(wrong).toEqual([])
  })
})

describe('the gradient of a whole model', () => {
  it('is how the loss changes when all parameters move a little, in whatever direction', async () => {
    const { given, graph, constants, backward } = await lossOf('bert-sequence-classification')
    const batch = feedsOf(given.batch)
    const weights = await hostTensors(constants)
    const slopes = await outputsOf(await compile(runtime, backward), { ...batch, ...weights })
    const executable = await compile(runtime, graph)
    const lossAt = async (direction: Feeds, distance: number) => {
      const moved = Object.entries(weights).map(([name, { shape, values }]) => [name, tensor('float32', shape, (values as Float32Array).map((value, index) => value + distance * Number(direction[name]!.values[index])))])
      return (await outputsOf(executable, { ...batch, ...Object.fromEntries(moved) }))['loss']![0]!
    }
    const dot = (direction: Feeds) => [...constants.keys()].reduce((sum, name) => sum + slopes[`gradient.${name}`]!.reduce((total, slope, index) => total + slope * Number(direction[name]!.values[index]), 0), 0)
    for (const seed of [1, 2, 3, 4]) {
      const direction = Object.fromEntries(Object.entries(weights).map(([name, { shape }], index) => [name, noise(shape, seed * 1000 + index)]))
      const step = 2e-4
      const measured = (await lossAt(direction, step) - await lossAt(direction, -step)) / (2 * step)
      expect(Math.abs(dot(direction))).toBeGreaterThan(1)
      expect(Math.abs(measured - dot(direction))).toBeLessThan(0.003)
    }
  })
})
