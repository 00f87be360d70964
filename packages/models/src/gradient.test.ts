import { viewAs, type Executable, type Graph, type HostTensor, type Model } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { extend, integers, verify } from '@tenon/graph'
import { gradient, parameters } from '@tenon/graph/gradient'
import { Add, Cast, Mul, Not, ReduceSum, Unsqueeze } from '@tenon/graph/ops'
import { afterAll, describe, expect, it } from 'vitest'
import { decoders, encoders } from './index.js'
import { altered, casesOf, compile, fixturesOf, folderOf, open } from './test-support.js'

const backend = onnx({ threads: 1 })
afterAll(() => backend.dispose?.())

/**
 * The sum of all outputs' squares, as the output `loss`. Outputs of padding do not count: there every score may be the lowest number,
 * in which float32 loses what the gradient still follows.
 */
function withLoss(graph: Graph): Graph {
  const { builder, values } = extend(graph)
  const mask = Cast(values.get('attention_mask')!, { to: 'float32' })
  const squares = graph.outputs.map(({ name, shape }) => {
    const output = values.get(name)!
    const counted = shape[1] !== 'sequence' ? output : Mul(output, shape.length === 2 ? mask : Unsqueeze(mask, integers(mask, [2])))
    builder.output(name, counted)
    return ReduceSum(Mul(counted, counted), undefined, { keepdims: 0 })
  })
  builder.output('loss', squares.reduce((a, b) => Add(a, b)))
  return builder.build()
}

/** The same numbers every time, between -1 and 1. */
function direction(length: number, seed: number): Float32Array {
  let state = (seed + 1) * 2654435761
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return state / 2 ** 31
  })
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, value, index) => sum + value * b[index]!, 0)
const length = (a: ArrayLike<number>) => Math.sqrt(dot(a, a))

type Feeds = Readonly<Record<string, HostTensor>>

async function numbersOf(executable: Executable, feeds: Feeds): Promise<Record<string, Float32Array>> {
  const outputs = await executable.run(Object.fromEntries(executable.inputs.map(({ name }) => [name, feeds[name]!])))
  return Object.fromEntries(await Promise.all(Object.entries(outputs).map(async ([name, output]) => {
    using result = output
    return [name, Float32Array.from((await result.data()) as Float32Array)] as const
  })))
}

/** Of the loss, which one float32 would hold too coarsely for differences. */
const lossOf = (outputs: Readonly<Record<string, Float32Array>>) => Object.entries(outputs).reduce((sum, [name, values]) => sum + (name === 'loss' ? 0 : dot(values, values)), 0)

/** How far each weight's gradient is from the difference quotient along a random direction, in parts of both lengths. */
async function apartAlongDirections(graph: Graph, weights: Feeds, given: Feeds): Promise<Record<string, number>> {
  const names = Object.keys(weights)
  const [forward, backward] = [await compile(backend, graph), await compile(backend, verify(gradient(graph, { of: 'loss', withRespectTo: names })))]
  const feeds = { ...given, ...weights }
  const slopes = await numbersOf(backward, feeds)
  const steepest = Math.max(...names.map((name) => length(slopes[`gradient.${name}`]!)))
  const apart: Record<string, number> = {}
  for (const [index, name] of names.entries()) {
    const { values, ...rest } = weights[name] as HostTensor<'float32'>
    const along = direction(values.length, index)
    const slope = slopes[`gradient.${name}`]!
    expect(slope).toHaveLength(values.length)
    const step = 0.05 / length(along) // of weights whose length is about 1: float32 leaves no room for less
    const moved = async (by: number) => lossOf(await numbersOf(forward, { ...feeds, [name]: { ...rest, values: values.map((value, at) => value + by * along[at]!) } as HostTensor }))
    const quotient = ((await moved(step)) - (await moved(-step))) / (2 * step)
    apart[name] = Math.abs(quotient - dot(slope, along)) / (length(along) * Math.max(length(slope), steepest / 1000))
  }
  return apart
}

/** Family, fixture, head, and whose numbers it shares. */
const fixtures: readonly (readonly [family: string, fixture: string, head?: string, expected?: string])[] = [
  ['bert', 'base'],
  ['roberta', 'sequence-classification', 'sequence-classification'],
  ['xlm-roberta', 'base', 'base', 'roberta/base'],
  ['camembert', 'base', 'base', 'roberta/base'],
  ['distilbert', 'question-answering', 'question-answering'],
  ['albert', 'base'],
  ['deberta-v2', 'base'],
  ['deberta-v2', 'grouped-convolution'],
  ['modernbert', 'base'],
  ['modernbert', 'masked-lm', 'masked-lm'],
  ['mpnet', 'base'],
  ['gpt2', 'base', 'causal-lm'],
  ['llama', 'base', 'causal-lm'],
  ['llama', 'dynamic', 'causal-lm'],
  ['mistral', 'base', 'causal-lm'],
  ['qwen2', 'window', 'causal-lm'],
  ['qwen2_moe', 'normalised', 'causal-lm'],
  ['qwen3', 'base', 'causal-lm'],
  ['starcoder2', 'base', 'causal-lm'],
]

/** Where a step of a weight might send a token through other experts, it goes through all. */
const smooth: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { qwen2_moe: { num_experts_per_tok: 5 } }

const families: readonly Model[] = [...encoders(), ...decoders()]

/** Of the first case's batch, for all weights, where the loss counts nothing but padding's outputs. */
async function slopesOfPadding(family: Model): Promise<Readonly<Record<string, Float32Array>>> {
  const of = fixturesOf(family.name)('base')
  const { model } = await family.build(await open(await folderOf(of)), { head: 'base' })
  const { builder, values } = extend(model!)
  const states = values.get('last_hidden_state')!
  const padding = Cast(Not(Cast(values.get('attention_mask')!, { to: 'bool' })), { to: 'float32' })
  builder.output('loss', ReduceSum(Mul(states, Unsqueeze(padding, integers(padding, [2]))), undefined, { keepdims: 0 }))
  const scored = builder.build()
  const [{ feeds }] = (await casesOf(of)) as [Awaited<ReturnType<typeof casesOf>>[0]]
  return numbersOf(await compile(backend, gradient(scored, { of: 'loss', withRespectTo: parameters(scored).constants.keys() })), feeds)
}

describe('gradients of whole models', () => {
  it("do not go through the scores of padding where the family fills them in: PyTorch's DeBERTa", async () => {
    const slopes = await slopesOfPadding(families.find(({ name }) => name === 'deberta-v2')!)
    const steepest = (suffix: string) => Math.max(...slopes[`gradient.deberta.encoder.layer.1.attention.self.${suffix}`]!.map(Math.abs))
    expect(steepest('value_proj.weight')).toBeGreaterThan(1e-3)
    for (const name of ['query_proj.weight', 'query_proj.bias', 'key_proj.weight', 'key_proj.bias']) expect(steepest(name)).toBe(0)
  })

  it('are tested for every family', () => {
    expect([...new Set(fixtures.map(([family]) => family))].toSorted()).toEqual(families.map(({ name }) => name).toSorted())
  })

  it.each(fixtures.map(([family, fixture, head = 'base', expected = `${family}/${fixture}`]) => [family, fixture, head, expected] as const))('agree with difference quotients along random directions: %s, %s', async (name, fixture, head, expected) => {
    const family = families.find((each) => each.name === name)!
    const of = fixturesOf(name)(fixture, head, expected)
    const checkpoint = altered(await open(await folderOf(of)), smooth[name] ?? {})
    const { model } = await family.build(checkpoint, { head })
    const { graph, constants } = parameters(withLoss(model!))
    const weights = Object.fromEntries(await Promise.all(Array.from(constants, async ([weight, constant]) => [weight, { dtype: 'float32', shape: constant.shape, values: viewAs('float32', await constant.bytes()).slice() } as unknown as HostTensor] as const)))
    const [{ feeds }] = (await casesOf(of)) as [Awaited<ReturnType<typeof casesOf>>[0]]
    const apart = await apartAlongDirections(graph, weights, feeds)
    expect(Object.entries(apart).filter(([, worst]) => !(worst < 3e-3))).toEqual([])
  })
})
