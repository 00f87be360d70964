import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { elementCount, tensor, viewAs, type Backend, type Constant, type Executable, type Graph, type HostTensor, type Model, type Tensor } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { tfjs } from '@tenon/backend-tfjs-gpu'
import { openFolder, openSafetensors } from '@tenon/checkpoint'
import type { GraphBuilder, Value } from '@tenon/graph'
import { lower } from '@tenon/graph/passes'
import { albert } from '@tenon/models/albert'
import { bert } from '@tenon/models/bert'
import { debertaV2 } from '@tenon/models/deberta-v2'
import { distilbert } from '@tenon/models/distilbert'
import { modernbert } from '@tenon/models/modernbert'
import { roberta } from '@tenon/models/roberta'
import { crossEntropy } from './cross-entropy.js'

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url))
const checkpoints = fileURLToPath(new URL('../../models/fixtures/', import.meta.url))

export type AnyBackend = Backend<string, object>

export const runtime: AnyBackend = onnx({ threads: 2 })

interface Place {
  readonly on: string
  readonly backend: AnyBackend
}

const native: Place = { on: 'ONNX Runtime', backend: runtime }
const workers: Place = { on: 'onnxruntime-node in workers', backend: onnx({ threads: 2, binding: 'worker' }) }
const wasm: Place = { on: 'TensorFlow.js, wasm', backend: tfjs({ devices: ['wasm'] }) }
const cpu: Place = { on: 'TensorFlow.js, cpu', backend: tfjs({ devices: ['cpu'] }) }

/** What gradients are proved on: all that have kernels of their own. */
export const backends: readonly Place[] = [native, wasm, cpu]

/** What steps are: all that write updates in a way of their own. */
export const updatingBackends: readonly Place[] = [native, workers, wasm]

const finishing: (() => Promise<unknown>)[] = [native, workers, wasm, cpu].map(({ backend }) => async () => backend.dispose?.())

/** What tests leave behind: backends with their executables, open checkpoints, folders. */
export async function cleanUp(): Promise<void> {
  for (const finish of finishing.splice(0)) await finish()
}

export type Feeds = Readonly<Record<string, HostTensor>>

/** A tensor as the fixtures write it. */
export interface Written {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export const fixture = async <T>(file: string): Promise<T> => JSON.parse(await readFile(join(fixtures, file), 'utf8')) as T

/** A batch's tensors, all of integers. */
export const feedsOf = (batch: Readonly<Record<string, Written>>): Feeds =>
  Object.fromEntries(Object.entries(batch).map(([name, { shape, data }]) => [name, tensor('int64', shape, BigInt64Array.from(data, BigInt))]))

/** The float32 tensors of a fixture by name. */
export async function tensorsIn(file: string): Promise<ReadonlyMap<string, Float32Array>> {
  await using stored = await openSafetensors(join(fixtures, file))
  return new Map(await Promise.all(Array.from(stored.tensors, async ([name, constant]) => [name, await floats(constant)] as const)))
}

export const floats = async (constant: Constant): Promise<Float32Array> => viewAs('float32', await constant.bytes()) as Float32Array

const families: Readonly<Record<string, Model>> = { albert: albert(), bert: bert(), 'deberta-v2': debertaV2(), distilbert: distilbert(), modernbert: modernbert(), roberta: roberta() }

/** The graph of one of the models' checkpoints, a folder that is named after its head. */
export async function graphOf(family: string, checkpoint: string): Promise<Graph> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-train-'))
  finishing.push(() => rm(folder, { recursive: true, force: true }))
  const origin = join(checkpoints, family, checkpoint)
  const { weights }: { weights: string | readonly string[] } = JSON.parse(await readFile(join(origin, 'expected.json'), 'utf8'))
  await cp(join(origin, 'config.json'), join(folder, 'config.json'))
  // Of a tensor that is in several files the last counts.
  const places: Record<string, string> = {}
  for (const [index, file] of [weights].flat().entries()) {
    await cp(join(origin, file), join(folder, `${index}.safetensors`))
    await using shard = await openSafetensors(join(folder, `${index}.safetensors`))
    for (const name of shard.tensors.keys()) places[name] = `${index}.safetensors`
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: places }))
  const opened = await openFolder(folder)
  finishing.push(async () => opened[Symbol.asyncDispose]())
  return (await families[family]!.build(opened, { head: checkpoint }))['model']!
}

/** The loss of a classification: of texts, or of tokens. */
export const classification = (output: (name: string) => Value, builder: GraphBuilder): Value => {
  const logits = output('logits')
  return crossEntropy(logits, builder.input('labels', 'int64', logits.shape.slice(0, -1)))
}

/** The tensors that constants hold, in JavaScript memory. */
export async function hostTensors(constants: ReadonlyMap<string, Constant>): Promise<Feeds> {
  return Object.fromEntries(await Promise.all(Array.from(constants, async ([name, constant]) => [name, tensor('float32', constant.shape, (await floats(constant)).slice())] as const)))
}

/** Numbers between -1 and 1, the same every time. */
export function noise(shape: readonly number[], seed: number): HostTensor<'float32'> {
  let state = seed * 2654435761
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return state / 2 ** 31
  }
  return tensor('float32', shape, Float32Array.from({ length: elementCount(shape) }, next))
}

/** Compiles a graph as a runtime does; the backend disposes of it with itself. */
export const compile = (backend: AnyBackend, graph: Graph): Promise<Executable> => backend.compile(lower(backend).apply(graph), {}, { emit: () => {} })

/** What a run returns, in JavaScript memory. */
export async function outputsOf(executable: Executable, feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Float32Array>>> {
  const outputs = await executable.run(feeds)
  return Object.fromEntries(await Promise.all(Object.entries(outputs).map(async ([name, output]) => {
    using result = output
    return [name, Float32Array.from((await result.data()) as Float32Array)] as const
  })))
}

/** The largest difference; infinite where lengths differ or a number is none. */
export function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity
  return Array.from(expected).reduce((worst, value, index) => Math.max(worst, Number.isFinite(actual[index]) ? Math.abs(value - actual[index]!) : Infinity), 0)
}
