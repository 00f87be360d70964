import { availableParallelism, cpus, totalmem } from 'node:os'
import { diagnoseBackends, type DiagnosedBackend } from './doctor/backends.js'
import { describe, type Description } from './errors/describe.js'
import { installedVersion } from './installed-version.js'
import { packageVersion } from './package-folder.js'
import type { Progress } from './progress.js'
import { DEFAULT_MODEL, type Open } from './runtime.js'
import { similarities } from './similarity.js'

/** What `doctor` found: see the README. */
export interface Diagnosis {
  /** Whether questions can be answered here. */
  readonly ok: boolean
  readonly tenon: string
  readonly node: string
  readonly platform: string
  readonly processor: { readonly model: string; readonly threads: number }
  /** In bytes. */
  readonly memory: { readonly total: number; readonly available: number; readonly process: number }
  readonly backends: readonly DiagnosedBackend[]
  /** Versions; `null` where a package is missing. */
  readonly libraries: Readonly<Record<string, string | null>>
  readonly model: ModelDiagnosis
}

export type ModelDiagnosis =
  | {
      readonly ok: true
      readonly model: string
      readonly dimensions: number
      /** From nothing to the first vector, in milliseconds. */
      readonly loadMilliseconds: number
      readonly millisecondsPerText: number
      /** Cosines: those of two texts that mean much the same, and of two that do not. */
      readonly alike: number
      readonly unlike: number
    }
  | { readonly ok: false; readonly model: string; readonly error: Description }

export interface DiagnoseOptions {
  readonly model?: string | undefined
  readonly open: Open
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Whether the speed of devices is not to be measured. */
  readonly quick: boolean
}

export async function diagnose({ model: wanted, open, signal, progress, quick }: DiagnoseOptions): Promise<Diagnosis> {
  const backends = await diagnoseBackends({ signal, progress, quick })
  const model = await tryModel({ model: wanted, open, signal, progress })
  signal.throwIfAborted()
  return {
    ok: model.ok && model.alike > model.unlike,
    tenon: packageVersion(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: { model: cpus()[0]?.model.trim() ?? 'unknown', threads: availableParallelism() },
    memory: { total: totalmem(), available: process.availableMemory(), process: process.memoryUsage.rss() },
    backends,
    libraries: {
      'onnxruntime-node': (await installedVersion('onnxruntime-node', '@tenon/backend-onnx')) ?? null,
      koffi: (await installedVersion('koffi', '@tenon/backend-onnx')) ?? null,
      tokenizers: (await installedVersion('tokenizers', '@tenon/checkpoint')) ?? null,
    },
    model,
  }
}

/** Two texts that mean much the same, and one that does not. */
const PROBES = ['A carpenter cuts a joint into the oak beam.', 'The joiner shapes a piece of timber.', 'Interest on the loan is paid each month.'] as const
/** A first run warms caches up; the timing is of the runs after it. */
const ROUNDS = 8

async function tryModel({ model: wanted, open, signal, progress }: Omit<DiagnoseOptions, 'quick'>): Promise<ModelDiagnosis> {
  try {
    const began = performance.now()
    await using opened = await open({ model: wanted, signal, progress })
    const embed = await opened.embedder()
    const vectors = await embed(PROBES, { signal })
    const loaded = performance.now()
    progress.stage('measuring')
    for (let round = 0; round < ROUNDS; round++) await embed(PROBES, { signal })
    const millisecondsPerText = (performance.now() - loaded) / (ROUNDS * PROBES.length)
    const [first] = similarities(vectors)
    return { ok: true, model: opened.model, dimensions: embed.dimensions, loadMilliseconds: loaded - began, millisecondsPerText, alike: first![1]!, unlike: first![2]! }
  } catch (error) {
    return { ok: false, model: wanted ?? DEFAULT_MODEL, error: describe(error) }
  }
}
