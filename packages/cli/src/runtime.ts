import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder, ParsedDeployment } from '@tenon/core'
import type { KnowledgeBase } from '@tenon/task-qa'
import { checkReference } from './check-reference.js'
import { decodeText } from './decode-text.js'
import { UsageError } from './errors/usage-error.js'
import { joined } from './joined.js'
import { readNamed } from './named-paths.js'
import { backendPlugins, modelPlugins } from './plugins.js'
import type { Progress } from './progress.js'

/** The model that comes with the command. */
export const DEFAULT_MODEL = '@tenon/model-all-minilm-l6-v2'

/** What to compute on, as options of commands. */
export interface RunsOn {
  /** A backend's name, or `auto`. Default: onnx. */
  readonly backend?: string | undefined
  readonly device?: string | undefined
  /** A file that says it for each task, and stands in place of the others. */
  readonly deployment?: string | undefined
}

export interface OpenOptions extends RunsOn {
  /** Default: the deployment's, or the model that comes with the command. */
  readonly model?: string | undefined
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
  /** A model that reads the exact words. Default: the deployment's; without one, answers are sentences. */
  readonly reader?: string | undefined
}

export type Open = (options: OpenOptions) => Promise<Opened>

/** Joins the installed packages. They are imported here and not before: `--help` needs none of them. */
export const open: Open = async ({ model, signal, progress, ...on }) => {
  progress.stage('opening the model')
  const [{ createRuntime }, models, backends, { embedding }, { fileStore, knowledgeBase, questionAnswering }, deployment] = await Promise.all([
    import('@tenon/core'),
    modelPlugins(),
    backendPlugins(),
    import('@tenon/task-embedding'),
    import('@tenon/task-qa'),
    deploymentOf(on),
  ])
  const runtime = joined(() => createRuntime({ plugins: [...models, ...backends, embedding(), questionAnswering(), knowledgeBase()], deployment }), on)
  runtime.on('progress', progress.update)
  runtime.on('notice', ({ message }) => progress.note(message))
  const embeds = modelOf(deployment, 'embedding') ?? modelOf(deployment, 'knowledge-base')
  if (model !== undefined && embeds !== undefined) throw new UsageError({ message: `--model names ${model}, and the deployment ${embeds}`, remedy: 'Leave one of them out' })
  if (model !== undefined) await checkReference(model)
  const request = { ...(embeds === undefined && { model: model ?? (await defaultModel()) }), signal }
  return {
    model: model ?? embeds ?? DEFAULT_MODEL,
    async knowledgeBase({ store, reader = modelOf(deployment, 'question-answering') } = {}) {
      if (reader !== undefined) await checkReference(reader)
      return runtime.task('knowledge-base', { ...request, ...(store !== undefined && { store: fileStore(store) }), ...(reader !== undefined && { reader: { model: reader } }) })
    },
    embedder: () => runtime.task('embedding', request),
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
}

/** @throws UsageError, InvalidDeploymentError */
export async function deploymentOf({ backend, device, deployment }: RunsOn): Promise<ParsedDeployment> {
  if (deployment !== undefined) {
    if (backend !== undefined || device !== undefined) throw new UsageError({ message: `The deployment says what to compute on, and --${backend === undefined ? 'device' : 'backend'} does too`, remedy: 'Leave one of them out' })
    const { parseDeployment } = await import('@tenon/core')
    return parseDeployment(decodeText(await readNamed('--deployment', deployment)))
  }
  if (backend === 'auto' && device !== undefined) throw new UsageError({ message: 'A device was named, and no backend that has it', remedy: 'Name the backend, or leave the device out: auto tries them all' })
  const choice = { name: backend ?? 'onnx', ...(device !== undefined && { device }) }
  return { default: { backend: choice } as never }
}

/** The model that a deployment gives a role. The runtime has checked what else it says. */
export const modelOf = ({ roles = {} }: ParsedDeployment, role: string): string | undefined => (roles[role] as { readonly model?: string } | undefined)?.model

/**
 * The folder of the model that comes with the command.
 * @throws ModelNotFoundError
 */
async function defaultModel(): Promise<string> {
  const { directory } = await import('@tenon/model-all-minilm-l6-v2')
  if (existsSync(join(directory, 'config.json'))) return directory
  const { ModelNotFoundError } = await import('@tenon/core')
  throw new ModelNotFoundError({ reference: DEFAULT_MODEL, looked: [{ source: directory, reason: 'the package holds no model; install it again' }] })
}
