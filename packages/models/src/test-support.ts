import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { byteLength, type Backend, type Checkpoint, type Constant, type Executable, type Graph, type NumericType } from '@tenon/core'
import { openFolder } from '@tenon/checkpoint'
import { GraphBuilder } from '@tenon/graph'
import { copyCheckpoint, modelCases, type ModelCase, type ModelFixture, type WrittenTensor } from '@tenon/testing'
import { onTestFinished } from 'vitest'
import { Weights, type Spellings } from './weights.js'

/** How far results may be from the reference's, absolutely, by the type they are computed in. */
export const tolerance = { float32: 1e-4 } as const

const root = fileURLToPath(new URL('../fixtures/', import.meta.url))

/** A fixture folder: what differs is in its name (see tools/fixtures/README.md). */
export interface Fixture {
  readonly family: string
  readonly name: string
  readonly head: string
  /** The folder that holds its numbers as `expected.json`, and its weights where it has none, below the fixtures. */
  readonly expected: string
}

/** Names the fixtures of a family: the folder, the head it is for, and whose numbers it shares. */
export const fixturesOf = (family: string) => (name: string, head = 'base', expected = `${family}/${name}`): Fixture => ({ family, name, head, expected })

/** The fixture folders of a family. */
export const foldersOf = (family: string): Promise<readonly string[]> => readdir(join(root, family))

/** The fixture as the published suite takes it. */
export const asPublished = ({ family, name, head, expected }: Fixture): ModelFixture => ({ name, head, folder: join(root, family, name), expected: join(root, expected) })

/** Every case of a fixture; what a case leaves out is fed with the model's defaults, a mask of ones and segment 0. */
export const casesOf = (of: Fixture): Promise<readonly ModelCase[]> => modelCases(asPublished(of))

/** A fresh folder, removed when the test ends. */
async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-models-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The fixture as a folder of its own. */
export async function folderOf(of: Fixture): Promise<string> {
  const path = await temporaryFolder()
  await copyCheckpoint(asPublished(of), path)
  return path
}

/** Leaves only the exported graph, if there is one. */
export async function removeWeights(path: string): Promise<void> {
  const weights = (await readdir(path)).filter((file) => file.includes('.safetensors'))
  await Promise.all(weights.map((file) => rm(join(path, file))))
}

/** Opens a folder for the length of a test. */
export async function open(path: string): Promise<Checkpoint> {
  const checkpoint = await openFolder(path)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint
}

/** Compiles a graph for the length of a test. */
export async function compile(backend: Backend<string, object>, graph: Graph): Promise<Executable> {
  const executable = await backend.compile(graph, {}, { emit: () => {} })
  onTestFinished(() => executable[Symbol.asyncDispose]())
  return executable
}

/** The outputs of one run, in JavaScript memory. Of the feeds those are taken that the graph has as inputs. */
export async function run(executable: Executable, feeds: ModelCase['feeds']): Promise<Record<string, WrittenTensor>> {
  const outputs = await executable.run(Object.fromEntries(executable.inputs.map(({ name }) => [name, feeds[name]!])))
  const read = await Promise.all(
    Object.entries(outputs).map(async ([name, output]) => {
      using result = output
      return [name, { shape: result.shape, data: Array.from((await result.data()) as Float32Array) }] as const
    }),
  )
  return Object.fromEntries(read)
}

/** The largest difference between two runs' outputs; infinite where they have other names or shapes. */
export function apart(actual: Readonly<Record<string, WrittenTensor>>, expected: Readonly<Record<string, WrittenTensor>>): number {
  if (Object.keys(actual).toSorted().join() !== Object.keys(expected).toSorted().join()) return Infinity
  return Math.max(
    ...Object.entries(expected).map(([name, { shape, data }]) => {
      const output = actual[name]!
      if (output.shape.join() !== shape.join() || output.data.length !== data.length) return Infinity
      return data.reduce((worst, value, index) => Math.max(worst, Number.isFinite(output.data[index]) ? Math.abs(value - output.data[index]!) : Infinity), 0)
    }),
  )
}

/** What tells two graphs of one checkpoint apart: literals are compared by name, weights by where they lie. */
export const traits = ({ inputs, outputs, nodes, constants }: Graph) => ({ inputs, outputs, nodes, names: [...constants.keys()], weights: [...constants.values()].filter(({ inline }) => inline === undefined) })

/** The same checkpoint with its parameters under other names. */
export const renamed = (checkpoint: Checkpoint, rename: (name: string) => string): Checkpoint => altered(checkpoint, {}, new Map([...checkpoint.constants].map(([name, constant]) => [rename(name), constant])))

/** As the first checkpoints spelled it: no prefix, and gamma and beta for a norm. */
export const legacySpelling = (prefix: string) => (name: string): string => name.replace(new RegExp(`^${prefix}\\.`), '').replace(/(norm)\.weight$/i, '$1.gamma').replace(/(norm)\.bias$/i, '$1.beta')

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
