import type { Backend } from './backend.js'
import type { Compressor } from './compressor.js'
import { BackendUnavailableError } from './errors/backend-unavailable-error.js'
import { DisposedError } from './errors/disposed-error.js'
import { InvalidInputError } from './errors/invalid-input-error.js'
import { checkOptions } from './errors/invalid-option-error.js'
import { ModelNotFoundError } from './errors/model-not-found-error.js'
import { NoSuchBackendError } from './errors/no-such-backend-error.js'
import { NoSuchCompressorError } from './errors/no-such-compressor-error.js'
import { NoSuchFamilyError } from './errors/no-such-family-error.js'
import { NoSuchTaskError } from './errors/no-such-task-error.js'
import { throwIfAborted } from './errors/aborted-error.js'
import type { Emit, TenonEvent } from './events.js'
import type { Graph } from './graph.js'
import { tabulate, type PluginTable } from './plugin.js'
import type { BuildRequest, Disposal, Plugins, RequestFor, RunnerFor, TaskName, Unique } from './runtime-types.js'
import { Scope } from './scope.js'
import type { Checkpoint } from './source.js'
import type { OpenedModel, Runner, TaskContext } from './task.js'

/** The plugins, joined. */
export interface Runtime<P extends Plugins = Plugins> extends AsyncDisposable {
  /**
   * Makes a task's runner: opens the model, builds its graphs, compiles them. Free it with its `dispose`, or with the runtime.
   * @throws NoSuchTaskError, ModelNotFoundError, NoSuchFamilyError, WeightMismatchError, BackendUnavailableError, AbortedError
   */
  task<Name extends TaskName<P>>(name: Name, request: RequestFor<P, Name>): Promise<RunnerFor<P, Name>>
  /**
   * Opens a checkpoint: its config and the list of its weights, which stay where they lie. Whoever opens it frees it.
   * @throws ModelNotFoundError, AbortedError
   */
  checkpoint(model: string | URL, options?: { readonly signal?: AbortSignal }): Promise<Checkpoint>
  /**
   * The graphs of a checkpoint, with the head wanted on top, not yet compiled.
   * @throws NoSuchFamilyError, NoSuchHeadError, WeightMismatchError
   */
  build(checkpoint: Checkpoint, options: BuildRequest<P>): Promise<OpenedModel>
  /** Listens to what the libraries tell; returns how to stop. */
  on<T extends TenonEvent['type']>(type: T, listener: (event: Extract<TenonEvent, { type: T }>) => void): () => void
  readonly plugins: PluginTable
  /** Frees every runner and backend. */
  dispose(): Promise<void>
}

/** What `task` was asked, as JavaScript callers may have written it: its options are not yet told apart. */
type Request = Readonly<Record<string, unknown>>
type Choice = string | ({ readonly name: string } & Readonly<Record<string, unknown>>)

/**
 * Joins plugins. The tuple of plugins is the only generic: tasks, backends and options that were not passed do
 * not compile, and are coded errors at run time.
 * @example
 * await using runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding()] })
 * const embed = await runtime.task('embedding', { model: './all-MiniLM-L6-v2' })
 * const vector = await embed('a sentence')
 * @throws InvalidPluginError
 * @throws DuplicatePluginError
 */
export function createRuntime<const P extends Plugins>(options: { readonly plugins: P } & { readonly plugins: Unique<P> }): Runtime<P> {
  const plugins = tabulate(options.plugins)
  const listeners = new Set<{ type: string; listener: (event: never) => void }>()
  const live = new Scope()
  const runners = new Set<Scope>()
  const creations = new Set<Promise<unknown>>()
  let disposed = false

  const emit: Emit = (event) => {
    for (const { type, listener } of listeners) if (type === event.type) listener(event as never)
  }

  function task(name: string, request: Request = {}): Promise<Runner & Disposal> {
    const creation = create(name, request)
    creations.add(creation)
    const settled = () => void creations.delete(creation)
    creation.then(settled, settled)
    return creation
  }

  function checkpoint(model: string | URL, request: { readonly signal?: AbortSignal } = {}): Promise<Checkpoint> {
    if (disposed) throw new DisposedError({ what: 'runtime' })
    checkOptions('runtime.checkpoint', request, ['signal'])
    const { signal } = request
    return openCheckpoint(plugins, referenceOf(model), { emit, signal })
  }

  async function create(name: string, request: Request): Promise<Runner & Disposal> {
    if (disposed) throw new DisposedError({ what: 'runtime' })
    checkOptions(`the task '${String(name)}'`, request, Object.keys(request ?? {})) // which of the rest it knows, the task says itself
    const { model, backend, compress, signal, ...taskOptions } = request as Request & { signal?: AbortSignal }
    throwIfAborted(signal)
    const plugin = plugins.tasks.find((candidate) => candidate.name === name)
    if (plugin === undefined) throw new NoSuchTaskError({ name, available: plugins.tasks.map((candidate) => candidate.name) })

    const chosen = chooseBackend(plugins.backends, backend as Choice | undefined)
    chosen?.plugin.prepare?.()

    const scope = new Scope()
    runners.add(scope)
    const context: TaskContext = {
      emit,
      ...(signal && { signal }),
      open: (head) =>
        timed(emit, 'open', async () => {
          const compressor = compress === undefined ? undefined : choose(plugins.compressors, compress as Choice, NoSuchCompressorError)
          const checkpoint = await openCheckpoint(plugins, referenceOf(model), { emit, signal })
          scope.defer(() => checkpoint[Symbol.asyncDispose]())
          return build(plugins, checkpoint, head, compressor)
        }),
      compile: (graph) =>
        timed(emit, 'compile', async () => {
          const executable = await compileOn(chosen ?? { plugin: await firstAvailable(plugins.backends), options: {} }, graph, { emit, signal })
          scope.defer(() => executable[Symbol.asyncDispose]())
          return executable
        }),
      task: async <R extends Runner>(other: string, overrides: Request = {}) => {
        const inner = await task(other, { model, backend, compress, signal, ...overrides })
        scope.defer(() => inner.dispose())
        return inner as Runner as R
      },
      defer: (free) => scope.defer(free),
    }
    const dispose = async () => {
      runners.delete(scope)
      await scope.dispose()
    }
    try {
      const runner = await plugin.create(context, taskOptions as never)
      if (disposed) throw new DisposedError({ what: 'runtime' })
      throwIfAborted(signal)
      return Object.assign(runner, { dispose, [Symbol.asyncDispose]: dispose })
    } catch (error) {
      await afterFailure(dispose)
      throw error
    }
  }

  for (const backend of plugins.backends) live.defer(() => backend.dispose?.())
  live.defer(() => {
    const all = new Scope()
    for (const scope of [...runners].reverse()) all.defer(() => scope.dispose()) // a task before those that it asked for
    return all.dispose()
  })
  // Nothing is freed under a task that is still being created: it ends by itself, with a DisposedError.
  live.defer(async () => void (await Promise.allSettled(creations)))
  const dispose = () => {
    disposed = true
    return live.dispose()
  }
  return {
    task: task as unknown as Runtime<P>['task'],
    checkpoint: async (model, request) => checkpoint(model, request),
    build: async (opened, request) => {
      checkOptions('runtime.build', request, ['head', 'compress'])
      const { head, compress } = request
      return build(plugins, opened, head, compress === undefined ? undefined : choose(plugins.compressors, compress, NoSuchCompressorError))
    },
    on(type, listener) {
      const entry = { type, listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    plugins,
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

/** Frees what a failure left behind. What failed first tells more than what the freeing meets. */
const afterFailure = (free: () => PromiseLike<void>) => Promise.resolve().then(free).catch(() => undefined)

interface Working {
  readonly emit: Emit
  readonly signal: AbortSignal | undefined
}

/** `exactOptionalPropertyTypes`: a context has a signal or has none. */
const contextOf = ({ emit, signal }: Working) => ({ emit, ...(signal && { signal }) })

async function timed<T>(emit: Emit, name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await work()
  emit({ type: 'timing', name, milliseconds: performance.now() - start })
  return result
}

function referenceOf(model: unknown): string {
  if (model instanceof URL) return model.href
  if (typeof model === 'string' && model !== '') return model
  throw new InvalidInputError({ what: "the option 'model'", problem: `is ${model === '' ? 'empty' : model === null ? 'null' : typeof model}`, remedy: 'pass a folder, a package name or a file: URL' })
}

async function openCheckpoint(plugins: PluginTable, reference: string, working: Working): Promise<Checkpoint> {
  const looked: { source: string; reason: string }[] = []
  for (const source of plugins.sources) {
    throwIfAborted(working.signal)
    try {
      const found = await source.open(reference, contextOf(working))
      if (!('notFound' in found)) return found
      looked.push({ source: source.name, reason: found.notFound })
    } catch (error) {
      // A folder that is misspelt is asked for on the hub: whoever hears of a network should hear of the folder too.
      for (const { source: name, reason } of looked) working.emit({ type: 'notice', code: 'TENON_NOT_FOUND_HERE', message: `${name}: ${reason}` })
      throw error
    }
  }
  throw new ModelNotFoundError({ reference, looked })
}

async function build(plugins: PluginTable, checkpoint: Checkpoint, head: string, compressor: Chosen<Compressor> | undefined): Promise<OpenedModel> {
  const modelType = (checkpoint as Checkpoint | undefined)?.config?.model_type
  if (typeof modelType !== 'string') throw new InvalidInputError({ what: 'the checkpoint', problem: 'is none', remedy: 'pass what runtime.checkpoint gives' })
  const family = plugins.models.find((model) => model.name === modelType)
  if (family === undefined) throw new NoSuchFamilyError({ reference: checkpoint.reference, modelType, available: plugins.models.map((model) => model.name) })
  const built = await family.build(checkpoint, { head })
  const pass = compressor?.plugin.pass(compressor.options as never)
  const graphs = pass === undefined ? built : Object.fromEntries(Object.entries(built).map(([role, graph]) => [role, pass.apply(graph)]))
  return { checkpoint, graphs, maxLength: family.maxLength?.(checkpoint) }
}

/** A plugin, and the user's options for it. */
interface Chosen<T> {
  readonly plugin: T
  readonly options: object
}

/** The backend that was named, or the only one; `undefined` where probes must tell. */
function chooseBackend(backends: readonly Backend[], wanted: Choice | undefined): Chosen<Backend> | undefined {
  if (wanted !== undefined) return choose(backends, wanted, NoSuchBackendError)
  const [only, ...others] = backends
  return only !== undefined && others.length === 0 ? { plugin: only, options: {} } : undefined
}

function compileOn({ plugin, options }: Chosen<Backend>, graph: Graph, working: Working) {
  throwIfAborted(working.signal)
  return plugin.compile(graph, options as never, contextOf(working))
}

async function firstAvailable(backends: readonly Backend[]): Promise<Backend> {
  const reasons: string[] = []
  for (const backend of backends) {
    const probe = await backend.probe()
    if (probe.available) return backend
    reasons.push(`${backend.name}: ${probe.reason}`)
  }
  throw new BackendUnavailableError({
    backend: backends.map((backend) => backend.name).join(', ') || 'any',
    reason: reasons.join('; ') || 'no backend plugin was passed',
    remedy: backends.length === 0 ? 'Pass a backend, such as onnx() from @tenon/backend-onnx' : 'Follow one of the remedies above',
  })
}

function choose<T extends { readonly name: string }>(plugins: readonly T[], choice: Choice, NoSuch: new (fields: { name: string; available: readonly string[] }) => Error): Chosen<T> {
  const { name, ...options } = typeof choice === 'object' && choice !== null ? choice : { name: choice }
  const plugin = plugins.find((candidate) => candidate.name === name)
  if (plugin === undefined) throw new NoSuch({ name, available: plugins.map((candidate) => candidate.name) })
  return { plugin, options }
}
