import { stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { storageOf } from '@tenon/checkpoint'
import { ShapeMismatchError, TenonError, type Checkpoint, type Constant, type Graph, type Model, type ValueInfo } from '@tenon/core'
import { describe, type Description } from '../errors/describe.js'
import { isInstalled } from '../optional-backend.js'
import { openCheckpoint, type OpenedCheckpoint } from '../open-checkpoint.js'
import { backendPlugins } from '../plugins.js'
import type { Progress } from '../progress.js'
import { usualHead } from '../usual-head.js'
import { activationBytes, type Load } from './activation-bytes.js'
import { supportOf, type BackendSupport } from './backend-support.js'
import { tally } from './tally.js'

/** What `inspect` found: see the README. */
export interface Inspection {
  readonly model: string
  /** `null` where a graph was named and no model folder. */
  readonly family: string | null
  readonly architecture: string | null
  readonly head: string | null
  /** The family's heads, and whether the weights hold what each needs. */
  readonly heads: readonly { readonly head: string; readonly available: boolean }[]
  /** Numbers that were learnt. */
  readonly parameters: number
  readonly weights: readonly WeightsOfType[]
  readonly files: readonly { readonly file: string; /** `null` where it is on the hub and not here. */ readonly bytes: number | null }[]
  readonly graph: GraphSummary | null
  readonly memory: MemoryEstimate | null
  readonly backends: readonly BackendSupport[]
  /** Why there is no graph. */
  readonly problem: Description | null
}

export interface WeightsOfType {
  /** Of a GGUF file, ggml's name: `Q4_K`. */
  readonly dtype: string
  readonly tensors: number
  readonly parameters: number
  readonly bytes: number
  /** What the weights of a GGUF file are run as: in blocks that hold the same numbers, in blocks that were rounded anew, or in floats. */
  readonly as?: 'exact' | 'requantised' | 'float'
}

export interface GraphSummary {
  readonly nodes: number
  readonly ops: Readonly<Record<string, number>>
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
}

export interface MemoryEstimate {
  /** Bytes of the graph's weights once they are loaded. */
  readonly weights: number
  /** Bytes on top of them while it runs. */
  readonly activations: readonly (Load & { readonly bytes: number })[]
}

export interface InspectOptions {
  readonly model: string
  readonly head?: string | undefined
  readonly signal: AbortSignal
  readonly progress: Progress
}

export async function inspect({ model, head, signal, progress }: InspectOptions): Promise<Inspection> {
  return model.endsWith('.onnx') ? inspectGraphFile(model) : inspectModel({ model, head, signal, progress })
}

/** @throws MissingFileError, InvalidFileError */
async function inspectGraphFile(path: string): Promise<Inspection> {
  const { readOnnx } = await import('@tenon/graph/onnx')
  const graph = await readOnnx(path)
  const folder = dirname(resolve(path))
  const files = new Set([resolve(path), ...[...graph.constants.values()].flatMap(({ file }) => (file === undefined ? [] : [file.path]))])
  return {
    model: path,
    family: null,
    architecture: null,
    head: null,
    heads: [],
    ...summaryOf([...graph.constants.values()]),
    files: await Promise.all([...files].map(async (file) => ({ file: relative(folder, file), bytes: await sizeOf(file) }))),
    ...(await aboutGraph(graph)),
    problem: null,
  }
}

async function inspectModel({ model, head: wanted, signal, progress }: InspectOptions): Promise<Inspection> {
  await using opened = await openCheckpoint({ model, signal, progress })
  const { checkpoint, families } = opened
  const { config } = checkpoint
  const family = families.find(({ name }) => name === config.model_type)
  const architectures: unknown = config['architectures']
  const about = {
    model,
    family: config.model_type,
    architecture: Array.isArray(architectures) ? String(architectures[0]) : null,
    files: await filesOf(checkpoint),
  }
  const weights = [...checkpoint.constants.values()]
  try {
    const head = wanted ?? (await usualHead(config, families))
    const graph = (await opened.build(head))['model']!
    return { ...about, head, heads: await headsOf(opened, family, head), ...summaryOf(weights.length > 0 ? weights : [...graph.constants.values()]), ...(await aboutGraph(graph)), problem: null }
  } catch (error) {
    // What can be told without a graph is told: a family that nobody reads, a head that is not there.
    if (!TenonError.isInstance(error) || error.code === 'TENON_ABORTED') throw error
    return { ...about, head: wanted ?? null, heads: await headsOf(opened, family, undefined), ...summaryOf(weights), graph: null, memory: null, backends: [], problem: describe(error) }
  }
}

/** Sizes of what is here. Asking the checkpoint for the path of a file would fetch it. */
async function filesOf(checkpoint: Checkpoint): Promise<Inspection['files']> {
  const folder = ggufFolder(checkpoint) ?? dirname(await checkpoint.path('config.json'))
  return Promise.all(checkpoint.files.map(async (file) => ({ file, bytes: await sizeOf(join(folder, file)) })))
}

/** The folder of a model that needs no config.json, by the file that its weights are in. */
function ggufFolder({ constants, files }: Checkpoint): string | undefined {
  const path = [...constants.values()].find(({ file }) => file?.path.endsWith('.gguf'))?.file?.path
  const name = files.find((file) => path?.endsWith(join('/', file)))
  return path === undefined || name === undefined ? undefined : path.slice(0, -join('/', name).length)
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  )

/** Which heads the weights are enough for. An exported graph has the one head it was exported with. */
async function headsOf({ checkpoint, build }: OpenedCheckpoint, family: Model | undefined, built: string | undefined): Promise<Inspection['heads']> {
  const heads = family?.heads ?? []
  const enough = (head: string) => (head === built || checkpoint.constants.size === 0 ? head === built : build(head).then(() => true, () => false))
  return Promise.all(heads.map(async (head) => ({ head, available: await enough(head) })))
}

/** What is stored, and how many numbers of it were learnt: counters and indices are integers. */
function summaryOf(constants: readonly Constant[]): Pick<Inspection, 'parameters' | 'weights'> {
  const types = new Map<string, { tensors: number; parameters: number; bytes: number }>()
  for (const { dtype, shape, byteLength } of constants) {
    const sum = types.get(dtype) ?? { tensors: 0, parameters: 0, bytes: 0 }
    types.set(dtype, { tensors: sum.tensors + 1, parameters: sum.parameters + shape.reduce((product, size) => product * size, 1), bytes: sum.bytes + byteLength })
  }
  const stored = storageOf(constants).map(({ type, ...sum }) => ({ dtype: type, ...sum }))
  const weights = (stored.length > 0 ? stored : [...types].map(([dtype, sum]) => ({ dtype, ...sum }))).sort((a, b) => b.bytes - a.bytes)
  return { weights, parameters: weights.reduce((sum, { dtype, parameters }) => (/^u?int(32|64)$|^bool$/.test(dtype) ? sum : sum + parameters), 0) }
}

/** One text, and as many as a server takes at once; of everyday length, or of half of that and so on where the positions end before. */
const BATCHES = [1, 32]
const TOKENS = 128

function activationsOf(graph: Graph, tokens = TOKENS): MemoryEstimate['activations'] {
  try {
    return BATCHES.map((batch) => ({ batch, tokens, bytes: activationBytes(graph, { batch, tokens }) }))
  } catch (error) {
    if (tokens === 1 || !(error instanceof ShapeMismatchError)) throw error
    return activationsOf(graph, tokens / 2)
  }
}

async function aboutGraph(graph: Graph): Promise<Pick<Inspection, 'graph' | 'memory' | 'backends'>> {
  const backends = (await backendPlugins()).filter(isInstalled)
  return {
    graph: { nodes: graph.nodes.length, ops: tally(graph.nodes.map(({ op }) => op)), inputs: graph.inputs, outputs: graph.outputs },
    memory: {
      weights: [...graph.constants.values()].reduce((sum, { byteLength }) => sum + byteLength, 0),
      activations: activationsOf(graph),
    },
    backends: backends.map((backend) => supportOf(backend, graph)),
  }
}
