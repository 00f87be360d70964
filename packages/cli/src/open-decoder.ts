import type { Checkpoint, Constant } from '@tenon/core'
import type { CodeGenerator } from '@tenon/task-codegen'
import type { TextGenerator } from '@tenon/task-text-generation'
import { checkReference } from './check-reference.js'
import { NotAWriterError } from './errors/not-a-writer-error.js'
import { UsageError } from './errors/usage-error.js'
import { joined } from './joined.js'
import { backendPlugins, modelPlugins } from './plugins.js'
import type { Progress } from './progress.js'
import { deploymentOf, modelOf, type RunsOn } from './runtime.js'

/** What the weights become before they are run, by the names users know. */
const formats = { int4: { name: 'weight-only', bits: 4 }, int8: { name: 'weight-only', bits: 8 }, fp16: { name: 'weight-only', bits: 16 }, fp32: undefined } as const
export type Weights = keyof typeof formats
export const weightFormats = Object.keys(formats) as readonly Weights[]
export const activationFormats = ['int8', 'int16'] as const
export type Activations = (typeof activationFormats)[number]
/** Weights as they are stored: in few bits, as in a GGUF, or floats. */
const AS_STORED = { name: 'weight-only', smallest: Infinity, prefill: 'same' } as const

export interface OpenDecoderOptions extends RunsOn {
  /** Default: the deployment's. */
  readonly model?: string | undefined
  /** Default: as they are stored, or the deployment's. */
  readonly weights?: Weights | undefined
  /** What is multiplied by weights in few bits. Default: int8, or the deployment's. */
  readonly activations?: Activations | undefined
  /** A smaller model that guesses ahead, its weights as the model's. Default: none. */
  readonly draft?: string | undefined
  /** Most tokens to read and write together. Default: as many as the model reads and memory holds. */
  readonly contextLength?: number | undefined
  readonly signal: AbortSignal
  /** Hears what the libraries tell. */
  readonly progress: Progress
}

/** What commands use of the libraries where a model writes. */
export interface OpenedDecoder extends AsyncDisposable {
  /** The model, as the user would name it. */
  readonly model: string
  /**
   * @param options `infills`: whether there is text behind the cursor, which the model has to have been trained for.
   * @throws NoInfillingError before the weights are opened.
   */
  completer(options?: { readonly infills?: boolean }): Promise<CodeGenerator>
  chat(): Promise<TextGenerator>
}

/** @param task Which of the deployment's roles says the model, where the user does not. */
export type OpenDecoder = (options: OpenDecoderOptions & { readonly task: 'code-generation' | 'text-generation' }) => Promise<OpenedDecoder>

/** Joins the installed packages. They are imported here and not before: `--help` needs none of them. */
export const openDecoder: OpenDecoder = async ({ model: named, weights, activations, draft, contextLength, task, signal, progress, ...on }) => {
  progress.stage('opening the model')
  const [{ createRuntime }, models, backends, { decoders }, { weightOnly }, { codeGeneration, checkInfilling }, { textGeneration }, deployment] = await Promise.all([
    import('@tenon/core'),
    modelPlugins(weights === 'fp32'),
    backendPlugins(),
    import('@tenon/models'),
    import('@tenon/compress'),
    import('@tenon/task-codegen'),
    import('@tenon/task-text-generation'),
    deploymentOf(on),
  ])
  const deployed = modelOf(deployment, task)
  if (named !== undefined && deployed !== undefined) throw new UsageError({ message: `--model names ${named}, and the deployment ${deployed}`, remedy: 'Leave one of them out' })
  const model = named ?? deployed
  if (model === undefined) throw new UsageError({ message: 'There is no model', remedy: 'Name one that writes: --model ./Qwen2.5-Coder-0.5B, a .gguf file, or a name on the hub' })
  for (const reference of [model, draft]) if (reference !== undefined) await checkReference(reference)
  const runtime = joined(() => createRuntime({ plugins: [...models, ...decoders(), weightOnly(), ...backends, codeGeneration(), textGeneration()], deployment }), on)
  runtime.on('progress', progress.update)
  runtime.on('notice', ({ message }) => progress.note(message))
  const format = weights === undefined && activations !== undefined ? AS_STORED : weights && formats[weights]
  const isAsStored = weights === undefined && format === undefined && deployed === undefined
  const request = { ...(deployed === undefined && { model }), ...(draft !== undefined && { draft }), ...(contextLength !== undefined && { contextLength }) }

  /** @param check Asks the checkpoint, while the task is made, what may make all of that vain. */
  const made = async <T extends AsyncDisposable>(make: (asked: typeof request & { readonly signal: AbortSignal }) => Promise<T>, check?: (checkpoint: Checkpoint) => Promise<void>): Promise<T> => {
    await using stored = isAsStored ? await runtime.checkpoint(model, { signal }) : undefined
    stored?.tokenizer().catch(() => undefined) // another thread reads it meanwhile; who needs it is told what is wrong with it
    const compress = format ?? (stored && isPrepared(stored.constants.values()) ? AS_STORED : undefined)
    const refused = new AbortController()
    const making = make({ ...request, ...(compress !== undefined && { compress: { ...compress, ...(activations !== undefined && { activations }) } }), signal: AbortSignal.any([signal, refused.signal]) })
    const checking = check && runtime.checkpoint(model, { signal }).then((checkpoint) => check(checkpoint).finally(() => checkpoint[Symbol.asyncDispose]()))
    checking?.catch(() => refused.abort())
    const [task, checked] = await Promise.allSettled([making, checking])
    if (checked.status === 'rejected') {
      if (task.status === 'fulfilled') await task.value[Symbol.asyncDispose]()
      throw checked.reason
    }
    if (task.status === 'rejected') throw (task.reason as { readonly code?: unknown } | null)?.code === 'TENON_NO_SUCH_HEAD' ? new NotAWriterError(model, task.reason) : task.reason
    return task.value
  }

  return {
    model,
    completer: ({ infills = false } = {}) => made((asked) => runtime.task('code-generation', asked), infills ? checkInfilling : undefined),
    chat: () => made((asked) => runtime.task('text-generation', asked)),
    [Symbol.asyncDispose]: () => runtime.dispose(),
  }
}

/** What lies in blocks, or in 16 bits, is laid out as it is run once, and kept. */
const isPrepared = (constants: Iterable<Constant>): boolean => Array.from(constants).some(({ blocks, dtype }) => blocks !== undefined || dtype === 'bfloat16' || dtype === 'float16')
