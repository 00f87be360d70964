import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend, Executable, Graph, HostTensor } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { decoders, encoders } from '@tenon/models'
import { copyCheckpoint, modelCases, type ModelFixture, type WrittenTensor } from '@tenon/testing'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { tfjs } from './index.js'
import { load, testedDevices } from './testing/devices.js'

const root = fileURLToPath(new URL('../../models/fixtures/', import.meta.url))
const families = [...encoders(), ...decoders()]

/** How far float32 results may be from PyTorch's; that of @tenon/models. */
const tolerance = 1e-4

/** The head that a class of transformers has. */
const heads: Readonly<Record<string, string>> = {
  LMHeadModel: 'causal-lm',
  ForCausalLM: 'causal-lm',
  Model: 'base',
  ForMaskedLM: 'masked-lm',
  ForMultipleChoice: 'multiple-choice',
  ForNextSentencePrediction: 'next-sentence',
  ForPreTraining: 'pretraining',
  ForQuestionAnswering: 'question-answering',
  ForSequenceClassification: 'sequence-classification',
  ForTokenClassification: 'token-classification',
}

/** Fixtures that share another's numbers have none of their own. */
const lenders: Readonly<Record<string, string>> = { camembert: 'roberta', 'xlm-roberta': 'roberta' }
const lent = (name: string) => name.replace(/^legacy-(un)?prefixed-/, '')

async function fixturesOf(family: string): Promise<ModelFixture[]> {
  const names = await readdir(join(root, family))
  return Promise.all(
    names.map(async (name): Promise<ModelFixture> => {
      const folder = join(root, family, name)
      const expected = [folder, join(root, lenders[family] ?? family, lent(name))].find((each) => existsSync(join(each, 'expected.json')))!
      const { model } = JSON.parse(await readFile(join(expected, 'expected.json'), 'utf8')) as { model: string }
      const suffix = Object.keys(heads).find((each) => model.endsWith(each))!
      return { name, head: families.find((each) => each.name === family)!.heads.includes(name) ? name : heads[suffix]!, folder, expected }
    }),
  )
}

async function graphOf(family: (typeof families)[number], fixture: ModelFixture): Promise<Graph> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-tfjs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await copyCheckpoint(fixture, folder)
  const checkpoint = await openFolder(folder)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return (await family.build(checkpoint, { head: fixture.head }))['model']!
}

async function compile(backend: Backend<string, object>, graph: Graph): Promise<Executable> {
  const executable = await backend.compile(graph, {}, { emit: () => {} })
  onTestFinished(() => executable[Symbol.asyncDispose]())
  return executable
}

async function run(executable: Executable, feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, WrittenTensor>> {
  const outputs = await executable.run(Object.fromEntries(executable.inputs.map(({ name }) => [name, feeds[name]!])))
  const read = Object.entries(outputs).map(async ([name, output]) => {
    using result = output
    return [name, { shape: result.shape, data: Array.from((await result.data()) as Float32Array) }] as const
  })
  return Object.fromEntries(await Promise.all(read))
}

/** The largest difference between two runs' outputs; infinite where they have other names or shapes. */
function apart(actual: Readonly<Record<string, WrittenTensor>>, expected: Readonly<Record<string, WrittenTensor>>): number {
  if (Object.keys(actual).toSorted().join() !== Object.keys(expected).toSorted().join()) return Infinity
  const differences = Object.entries(expected).map(([name, { shape, data }]) => {
    const output = actual[name]!
    if (output.shape.join() !== shape.join() || output.data.length !== data.length) return Infinity
    return data.reduce((worst, value, index) => Math.max(worst, Number.isFinite(output.data[index]) ? Math.abs(value - output.data[index]!) : Infinity), 0)
  })
  return Math.max(...differences)
}

const backends = new Map(testedDevices.map((device) => [device, tfjs({ devices: [device], load })]))
const runtime = onnx({ threads: 2 })
afterAll(async () => {
  for (const backend of [...backends.values(), runtime]) await backend.dispose?.()
})

describe.each(families.map((family) => [family.name, family] as const))('%s', async (name, family) => {
  it.each((await fixturesOf(name)).map((fixture) => [fixture.name, fixture] as const))('%s computes what PyTorch and ONNX Runtime do, on every device', async (_, fixture) => {
    const graph = await graphOf(family, fixture)
    const reference = await compile(runtime, graph)
    const cases = await modelCases(fixture)
    expect(cases.length).toBeGreaterThan(0)
    for (const [device, backend] of backends) {
      const executable = await compile(backend, graph)
      for (const { name: which, feeds, outputs } of cases) {
        const results = await run(executable, feeds)
        expect([device, which, apart(results, outputs)]).toEqual([device, which, expect.toSatisfy((difference: number) => difference <= tolerance)])
        expect([device, which, apart(results, await run(reference, feeds))]).toEqual([device, which, expect.toSatisfy((difference: number) => difference <= tolerance)])
      }
    }
  })
})
