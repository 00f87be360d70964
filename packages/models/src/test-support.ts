import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { byteLength, tensor, type Backend, type Checkpoint, type Constant, type Executable, type Graph, type HostTensor, type NumericType } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { onTestFinished } from 'vitest'
import { Weights, type Spellings } from './weights.js'

/** How far results may be from the reference's, absolutely, by the type they are computed in. */
export const tolerance = { float32: 1e-4 } as const

const folder = fileURLToPath(new URL('../fixtures/bert/', import.meta.url))

/** The fixture folders: what differs is in their names (see tools/fixtures/README.md). */
export interface Fixture {
  readonly name: string
  readonly head: string
  /** Whose `expected.json` holds the numbers. */
  readonly expected: string
}

const of = (name: string, head = 'base', expected = name): Fixture => ({ name, head, expected })

export const fixtures: readonly Fixture[] = [
  of('base'),
  of('base-no-pooler'),
  of('masked-lm', 'masked-lm'),
  of('next-sentence-prediction', 'next-sentence'),
  of('pre-training', 'pretraining'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
  of('activation-gelu'),
  of('activation-relu'),
  of('activation-gelu_new'),
  of('activation-silu'),
  of('stored-float16'),
  of('stored-bfloat16'),
  of('legacy-prefixed-base', 'base', 'base'),
  of('legacy-unprefixed-masked-lm', 'masked-lm', 'masked-lm'),
]

/** A tensor as the fixtures write it. */
interface Written {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Expected {
  readonly weights: string
  readonly inputs: string
  readonly cases: Readonly<Record<string, Readonly<Record<string, Written>>>>
}

const json = async (path: string) => JSON.parse(await readFile(join(folder, path), 'utf8'))

/** One input and what the reference makes of it. */
export interface Case {
  readonly name: string
  readonly feeds: Readonly<Record<string, HostTensor>>
  readonly outputs: Readonly<Record<string, Written>>
}

/** Every case of a fixture; what a case leaves out is fed with the model's defaults, a mask of ones and segment 0. */
export async function casesOf({ expected }: Fixture): Promise<readonly Case[]> {
  const { inputs, cases }: Expected = await json(`${expected}/expected.json`)
  const written: Record<string, Record<string, Written>> = await json(join(expected, inputs))
  return Object.entries(cases).map(([name, outputs]) => {
    const { input_ids: ids, attention_mask: mask, token_type_ids: segments } = written[name]!
    const feed = (given: Written | undefined, otherwise: bigint) => tensor('int64', ids!.shape, BigInt64Array.from(given?.data ?? ids!.data, (value) => (given === undefined ? otherwise : BigInt(value))))
    return { name, feeds: { input_ids: feed(ids, 0n), attention_mask: feed(mask, 1n), token_type_ids: feed(segments, 0n) }, outputs }
  })
}

/** A fresh folder, removed when the test ends. */
async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-models-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The fixture as a folder of its own: some keep their weights in another's, and a checkpoint is one folder. */
export async function folderOf({ name, expected }: Fixture): Promise<string> {
  const path = await temporaryFolder()
  const { weights } = name === expected ? ((await json(`${name}/expected.json`)) as Expected) : { weights: 'model.safetensors' }
  await cp(join(folder, name, 'config.json'), join(path, 'config.json'))
  await cp(join(folder, name, weights), join(path, 'model.safetensors'))
  return path
}

/** Compiles a graph for the length of a test. */
export async function compile(backend: Backend<string, object>, graph: Graph): Promise<Executable> {
  const executable = await backend.compile(graph, {}, { emit: () => {} })
  onTestFinished(() => executable[Symbol.asyncDispose]())
  return executable
}

/** The outputs of one run, in JavaScript memory. */
export async function run(executable: Executable, feeds: Case['feeds']): Promise<Record<string, Written>> {
  const outputs = await executable.run(feeds)
  const read = await Promise.all(
    Object.entries(outputs).map(async ([name, output]) => {
      using result = output
      return [name, { shape: result.shape, data: Array.from((await result.data()) as Float32Array) }] as const
    }),
  )
  return Object.fromEntries(read)
}

/** The largest difference between two runs' outputs; infinite where they have other names or shapes. */
export function apart(actual: Readonly<Record<string, Written>>, expected: Readonly<Record<string, Written>>): number {
  if (Object.keys(actual).toSorted().join() !== Object.keys(expected).toSorted().join()) return Infinity
  return Math.max(
    ...Object.entries(expected).map(([name, { shape, data }]) => {
      const output = actual[name]!
      if (output.shape.join() !== shape.join() || output.data.length !== data.length) return Infinity
      return data.reduce((worst, value, index) => Math.max(worst, Number.isFinite(output.data[index]) ? Math.abs(value - output.data[index]!) : Infinity), 0)
    }),
  )
}

/** A constant that has no bytes: for tests of what only looks at types. */
export const hollow = (dtype: NumericType, shape: readonly number[]): Constant => ({
  dtype,
  shape,
  byteLength: byteLength(dtype, shape),
  bytes: async () => {
    throw new Error('nobody may ask for these bytes')
  },
})

/** A checkpoint that is nothing but its config and weights. */
export function checkpointOf(config: Readonly<Record<string, unknown>>, constants: Readonly<Record<string, Constant>> = {}): Checkpoint {
  const absent = (): never => {
    throw new Error('not in this test')
  }
  return { reference: 'folder', config: { model_type: 'bert', ...config }, constants: new Map(Object.entries(constants)), files: [], path: absent, json: absent, tokenizer: absent, [Symbol.asyncDispose]: async () => {} }
}

/** The same checkpoint under another config, or with other weights. */
export const altered = (checkpoint: Checkpoint, config: Readonly<Record<string, unknown>>, constants: Checkpoint['constants'] = checkpoint.constants): Checkpoint => ({ ...checkpoint, config: { ...checkpoint.config, ...config }, constants })

export function weightsOf(constants: Readonly<Record<string, Constant>>, spellings?: Spellings): { readonly builder: GraphBuilder; readonly weights: Weights } {
  const builder = new GraphBuilder('test')
  return { builder, weights: new Weights(builder, checkpointOf({}, constants), spellings) }
}
