import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder, Probe } from '@tenon/core'
import type { KnowledgeBase } from '@tenon/task-qa'
import { modelPlugins } from './plugins.js'
import type { Progress } from './progress.js'

/** The model that comes with the command. */
export const DEFAULT_MODEL = '@tenon/model-all-minilm-l6-v2'

export const devices = ['cpu', 'cuda', 'tensorrt'] as const
export type Device = (typeof devices)[number]

export interface OpenOptions {
  /** Default: the model that comes with the command. */
  readonly model?: string | undefined
  readonly device?: Device | undefined
  readonly signal: AbortSignal
  /** Hears what the libraries tell. */
  readonly progress: Progress
}

/** What commands use of the libraries. */
export interface Opened extends AsyncDisposable {
  /** The model, as the user would name it. */
  readonly model: string
  knowledgeBase(options?: KnowledgeBaseChoices): Promise<KnowledgeBase>
  embedder(): Promise<Embedder>
}

export interface KnowledgeBaseChoices {
  /** A folder that keeps what was read. Default: memory. */
  readonly store?: string | undefined
  /** A model that reads the exact words. Default: answers are sentences. */
  readonly reader?: string | undefined
}

export type Open = (options: OpenOptions) => Promise<Opened>

/** Joins the installed packages. They are imported here and not before: `--help` needs none of them. */
export const open: Open = async ({ model, device = 'cpu', signal, progress }) => {
  progress.stage('opening the model')
  const [{ createRuntime }, models, { onnx }, { embedding }, { fileStore, knowledgeBase, questionAnswering }] = await Promise.all([
    import('@tenon/core'),
    modelPlugins(),
    import('@tenon/backend-onnx'),
    import('@tenon/task-embedding'),
    import('@tenon/task-qa'),
  ])
  const runtime = createRuntime({ plugins: [...models, onnx({ devices: [device] }), embedding(), questionAnswering(), knowledgeBase()] })
  runtime.on('progress', progress.update)
  runtime.on('notice', ({ message }) => progress.note(message))
  const request = { model: model ?? (await defaultModel()), signal }
  return {
    model: model ?? DEFAULT_MODEL,
    knowledgeBase: ({ store, reader } = {}) =>
      runtime.task('knowledge-base', { ...request, ...(store !== undefined && { store: fileStore(store) }), ...(reader !== undefined && { reader: { model: reader } }) }),
    embedder: () => runtime.task('embedding', request),
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
}

/**
 * The folder of the model that comes with the command.
 * @throws ModelNotFoundError
 */
export async function defaultModel(): Promise<string> {
  const { directory } = await import('@tenon/model-all-minilm-l6-v2')
  if (existsSync(join(directory, 'config.json'))) return directory
  const { ModelNotFoundError } = await import('@tenon/core')
  throw new ModelNotFoundError({ reference: DEFAULT_MODEL, looked: [{ source: directory, reason: 'the package holds no model; install it again' }] })
}

/** A backend by name, and what it found on this machine. */
export interface ProbedBackend {
  readonly name: string
  readonly probe: Probe
}

/** Asks every backend that comes with the command what this machine offers. */
export async function probeBackends(): Promise<ProbedBackend[]> {
  const { onnx } = await import('@tenon/backend-onnx')
  const backends = [onnx({ devices })]
  const probed: ProbedBackend[] = []
  for (const backend of backends) {
    probed.push({ name: backend.name, probe: await backend.probe() })
    await backend.dispose?.()
  }
  return probed
}
