import type { Checkpoint, Graphs, Model } from '@tenon/core'
import { checkReference } from './check-reference.js'
import { modelPlugins } from './plugins.js'
import type { Progress } from './progress.js'

/** The compressors, by the names users know. */
const compressors = { int8: 'dynamic-int8' } as const
export type Compression = keyof typeof compressors
export const compressions = Object.keys(compressors) as readonly Compression[]

export interface OpenCheckpointOptions {
  /** A folder, an installed package, or a name on the hub. */
  readonly model: string
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** A model that is looked at or written, and not run. */
export interface OpenedCheckpoint extends AsyncDisposable {
  readonly checkpoint: Checkpoint
  /** The families that are known. */
  readonly families: readonly Model[]
  /** @throws NoSuchFamilyError, NoSuchHeadError, WeightMismatchError */
  build(head: string, compress?: Compression): Promise<Graphs>
}

/** Opens a model without anything to run it on. The packages are imported here and not before: `--help` needs none of them. */
export async function openCheckpoint({ model, signal, progress }: OpenCheckpointOptions): Promise<OpenedCheckpoint> {
  progress.stage('opening the model')
  await checkReference(model)
  const [{ createRuntime }, { dynamicInt8 }, models, { decoders }] = await Promise.all([import('@tenon/core'), import('@tenon/compress'), modelPlugins(), import('@tenon/models')])
  const runtime = createRuntime({ plugins: [...models, ...decoders(), dynamicInt8()] })
  runtime.on('progress', progress.update)
  runtime.on('notice', ({ message }) => progress.note(message))
  const checkpoint = await runtime.checkpoint(model, { signal })
  return {
    checkpoint,
    families: runtime.plugins.models,
    async build(head, compress) {
      const { graphs } = await runtime.build(checkpoint, { head, ...(compress && { compress: compressors[compress] }) })
      return graphs
    },
    async [Symbol.asyncDispose]() {
      await checkpoint[Symbol.asyncDispose]()
      await runtime.dispose()
    },
  }
}
