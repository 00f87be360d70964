import { checkResult } from './check-plugin-result.js'
import { anyBackend, chooseBackend, chooseCompressor, type BackendChoice, type ChosenCompressor } from './choose.js'
import { Compiler } from './compiler.js'
import { checkDeployment, type CheckedDeployment, type Choices, type Role } from './deployment.js'
import { AbortedError, throwIfAborted } from './errors/aborted-error.js'
import { DisposedError } from './errors/disposed-error.js'
import { InvalidInputError } from './errors/invalid-input-error.js'
import { checkOptions, InvalidOptionError } from './errors/invalid-option-error.js'
import { InvalidPluginError } from './errors/invalid-plugin-error.js'
import { ModelNotFoundError } from './errors/model-not-found-error.js'
import { NoSuchFamilyError } from './errors/no-such-family-error.js'
import { NoSuchTaskError } from './errors/no-such-task-error.js'
import type { Emit, TenonEvent } from './events.js'
import type { Graph } from './graph.js'
import { keyOf } from './identity.js'
import type { BuildOptions, Graphs } from './model.js'
import { nearest } from './nearest.js'
import { orAborted } from './or-aborted.js'
import { tabulate, type PluginTable } from './plugin.js'
import type { BuildRequest, Deployment, Disposal, Plugins, RequestFor, RunnerFor, TaskName, Unique } from './runtime-types.js'
import { Scope } from './scope.js'
import { Shared, type Lease } from './shared.js'
import { checkpointView, executableView } from './shared-views.js'
import type { Checkpoint } from './source.js'
import type { OpenedModel, Runner, TaskContext } from './task.js'

/** The plugins, joined. `R` are the roles of its deployment. */
export interface Runtime<P extends Plugins = Plugins, R extends string = never> extends AsyncDisposable {
  /**
   * Makes a task's runner: opens the model, builds its graphs, compiles them. Free it with its `dispose`, or with the runtime.
   * Tasks on one model share what is opened and, where their graphs are equal, what is compiled, while one of them is there.
   * @throws NoSuchTaskError, ModelNotFoundError, NoSuchFamilyError, WeightMismatchError, BackendUnavailableError, AbortedError
   */
  task<Name extends TaskName<P>>(name: Name, request: RequestFor<P, Name, R>): Promise<RunnerFor<P, Name>>
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
  /**
   * Asks the backends of the deployment whether they, and the devices it names, are here: what the first tasks would find out.
   * @throws InvalidDeploymentError, BackendUnavailableError
   */
  check(): Promise<void>
  /** Listens to what the libraries tell; returns how to stop. */
  on<T extends TenonEvent['type']>(type: T, listener: (event: Extract<TenonEvent, { type: T }>) => void): () => void
  readonly plugins: PluginTable
  /** Frees every runner and backend. */
  dispose(): Promise<void>
}

/** What `task` was asked, as JavaScript callers may have written it: its options are not yet told apart. */
type Request = Readonly<Record<string, unknown>>

/**
 * Joins plugins. The tuple of plugins says what there is: tasks, backends and options that were not passed do not compile,
 * and are coded errors at run time. A deployment says which backend, device and model each task gets.
 * @example
 * await using runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding()] })
 * const embed = await runtime.task('embedding', { model: './all-MiniLM-L6-v2' })
 * const vector = await embed('a sentence')
 * @throws InvalidPluginError
 * @throws DuplicatePluginError
 * @throws InvalidDeploymentError
 */
export function createRuntime<const P extends Plugins, const R extends string = never>(
  options: { readonly plugins: P; readonly deployment?: Deployment<P, R> } & { readonly plugins: Unique<P> },
): Runtime<P, R> {
  checkOptions('createRuntime', options, ['plugins', 'deployment'])
  const plugins = tabulate(options.plugins)
  const deployment = checkDeployment(options.deployment, plugins)
  const listeners = new Set<{ type: string; listener: (event: never) => void }>()
  const live = new Scope()
  const runners = new Set<() => Promise<void>>()
  const creations = new Set<Promise<unknown>>()
  const checkpoints = new Shared<Checkpoint>()
  const compiler = new Compiler(plugins.backends)
  let disposed = false

  const emit: Emit = (event) => {
    for (const { type, listener } of listeners) if (type === event.type) listener(event as never)
  }

  function task(name: string, request: Request = {}, asker: Choices = deployment.default): Promise<Runner & Disposal> {
    const creation = create(name, request, asker)
    creations.add(creation)
    const settled = () => void creations.delete(creation)
    creation.then(settled, settled)
    return creation
  }

  async function checkpoint(model: unknown, signal: AbortSignal | undefined, tokenizer = false): Promise<Lease<Checkpoint>> {
    const reference = referenceOf(model)
    return checkpoints.acquire(reference, (stop) => openCheckpoint(plugins, reference, { emit, signal: stop }, tokenizer), signal)
  }

  async function create(name: string, request: Request, asker: Choices): Promise<Runner & Disposal> {
    if (disposed) throw new DisposedError({ what: 'runtime' })
    checkOptions(`the task '${String(name)}'`, request, Object.keys(request ?? {})) // which of the rest it knows, the task says itself
    const { model, backend, compress, role, signal: asked, ...taskOptions } = request as Request & { signal?: AbortSignal }
    throwIfAborted(asked)
    const plugin = plugins.tasks.find((candidate) => candidate.name === name)
    if (plugin === undefined) throw new NoSuchTaskError({ name, available: plugins.tasks.map((candidate) => candidate.name) })

    const chosen = choose(plugins, { model, backend, compress }, roleOf(deployment, name, role), asker)
    const scope = new Scope()
    const work = new AbortController()
    const { signal } = work
    const follow = () => work.abort(asked?.reason)
    asked?.addEventListener('abort', follow)
    const lend = (of: Choices): TaskContext => {
      const target = of.backend ?? anyBackend(plugins.backends)
      if (of.backend !== undefined || target.candidates.length === 1) prepare(target)
      let maxLength: number | undefined
      return {
        emit,
        signal,
        open: (head, roles) =>
          timed(emit, 'open', async () => {
            const lease = await checkpoint(of.model, signal, true)
            const view = checkpointView(lease)
            scope.defer(() => view[Symbol.asyncDispose]())
            const opened = await buildOnce(plugins, lease.value, { head, ...(roles && { roles }) }, of.compress, { emit, signal })
            maxLength = opened.maxLength
            return { ...opened, checkpoint: view }
          }),
        compile: (graph) =>
          timed(emit, 'compile', async () => {
            const compiling = compiler.compile(target, graph, { emit, signal, maxLength }).then(executableView)
            scope.defer(async () => (await compiling.catch(() => undefined))?.[Symbol.asyncDispose]())
            return compiling
          }),
        task: async <R extends Runner>(other: string, overrides: Request = {}) => {
          const inner = await task(other, { signal, ...overrides }, of)
          scope.defer(() => inner.dispose())
          return inner as Runner as R
        },
        with: (choices) => {
          checkOptions(`a second model of the task '${name}'`, choices, ['model', 'backend', 'compress', 'role'])
          return lend(choose(plugins, choices, choices.role === undefined ? undefined : roleOf(deployment, name, choices.role), of))
        },
        defer: (free) => scope.defer(free),
      }
    }
    const dispose = async () => {
      runners.delete(dispose)
      work.abort(new DisposedError({ what: 'task' }))
      await scope.dispose()
    }
    runners.add(dispose)
    try {
      const runner: unknown = await plugin.create(lend(chosen), taskOptions as never)
      if (typeof runner !== 'function') throw new InvalidPluginError({ plugin: `The task '${name}'`, problem: `gave ${runner === null ? 'null' : typeof runner} where create() was called`, remedy: 'A task makes a function: see the task contract in @tenon/core' })
      if (disposed) throw new DisposedError({ what: 'runtime' })
      throwIfAborted(signal)
      return Object.assign(runner as Runner, { dispose, [Symbol.asyncDispose]: dispose })
    } catch (error) {
      await afterFailure(dispose)
      throw error
    } finally {
      asked?.removeEventListener('abort', follow)
    }
  }

  for (const backend of plugins.backends) live.defer(() => backend.dispose?.())
  live.defer(() => compiler.settled())
  live.defer(() => {
    const all = new Scope()
    for (const free of [...runners].reverse()) all.defer(free) // a task before those that it asked for
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
    checkpoint: async (model, request = {}) => {
      if (disposed) throw new DisposedError({ what: 'runtime' })
      checkOptions('runtime.checkpoint', request, ['signal'])
      return checkpointView(await checkpoint(model, request.signal))
    },
    build: async (opened, request) => {
      checkOptions('runtime.build', request, ['head', 'roles', 'compress', 'signal'])
      const { head, roles, compress, signal } = request
      return build(plugins, opened, { head, ...(roles && { roles }) }, compress === undefined ? undefined : chooseCompressor(plugins.compressors, compress), { emit, signal })
    },
    check: async () => {
      const choices = [deployment.default, ...deployment.roles.values()].flatMap(({ backend }) => (backend === undefined ? [] : [backend]))
      await Promise.all(choices.map((choice) => compiler.check(choice)))
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

/** What goes first is what was asked for, then what a role says, then what whoever asks has. */
function choose(plugins: PluginTable, { model, backend, compress }: { readonly model?: unknown; readonly backend?: unknown; readonly compress?: unknown }, told: Role | undefined, asker: Choices): Choices {
  return {
    model: (model as string | undefined) ?? told?.model ?? asker.model,
    backend: backend === undefined ? told?.backend ?? asker.backend : chooseBackend(plugins.backends, backend),
    compress: compress === undefined ? told?.compress ?? asker.compress : chooseCompressor(plugins.compressors, compress),
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

async function openCheckpoint(plugins: PluginTable, reference: string, working: Working, tokenizer: boolean): Promise<Checkpoint> {
  const looked: { source: string; reason: string }[] = []
  for (const source of plugins.sources) {
    throwIfAborted(working.signal)
    try {
      const found = await source.open(reference, { ...contextOf(working), ...(tokenizer && { tokenizer }) })
      if (typeof found !== 'object' || found === null || !('notFound' in found)) return await checkResult(source, 'open', found)
      looked.push({ source: source.name, reason: found.notFound })
    } catch (error) {
      // A folder that is misspelt is asked for on the hub: whoever hears of a network should hear of the folder too.
      for (const { source: name, reason } of looked) working.emit({ type: 'notice', code: 'TENON_NOT_FOUND_HERE', message: `${name}: ${reason}` })
      throw error
    }
  }
  throw new ModelNotFoundError({ reference, looked })
}

async function build(plugins: PluginTable, checkpoint: Checkpoint, wanted: BuildOptions, compress: ChosenCompressor | undefined, working: Working): Promise<OpenedModel> {
  const modelType = (checkpoint as Checkpoint | undefined)?.config?.model_type
  if (typeof modelType !== 'string') throw new InvalidInputError({ what: 'the checkpoint', problem: 'is none', remedy: 'pass what runtime.checkpoint gives' })
  const family = plugins.models.find((model) => model.name === modelType)
  if (family === undefined) throw new NoSuchFamilyError({ reference: checkpoint.reference, modelType, available: plugins.models.map((model) => model.name) })
  const { revision } = family.build
  const how = revision === undefined ? undefined : keyOf([family.name, revision, wanted])
  const recalled = how === undefined ? undefined : await compress?.recall?.({ checkpoint, ...contextOf(working), built: how })
  return { checkpoint, graphs: recalled ?? (await buildGraphs()), maxLength: family.maxLength?.(checkpoint) }

  async function buildGraphs(): Promise<Graphs> {
    const built = await checkResult(family!, 'build', await family!.build(checkpoint, wanted))
    const compressed = compress === undefined ? built : compressEach(built, compress)
    return compress?.prepare === undefined ? compressed : compress.prepare(compressed, { checkpoint, ...contextOf(working), ...(how !== undefined && { built: how }) })
  }
}

/** Roles that share a graph go on sharing one unless the compressor has different passes for them. */
function compressEach(graphs: Graphs, { pass }: ChosenCompressor): Graphs {
  const done = new Map<Graph, Map<string, Graph>>()
  const compressed = Object.entries(graphs).map(([role, graph]): [string, Graph] => {
    const { name, apply } = pass(role)
    const ofGraph = done.get(graph) ?? new Map<string, Graph>()
    done.set(graph, ofGraph)
    const result = ofGraph.get(name) ?? apply(graph)
    ofGraph.set(name, result)
    return [role, result]
  })
  return Object.fromEntries(compressed)
}

/** What was built of a checkpoint that is open, by head and compressor: who builds it again gets the same graphs, over the same weights. */
const built = new WeakMap<Checkpoint, Map<string, Promise<OpenedModel>>>()

async function buildOnce(plugins: PluginTable, checkpoint: Checkpoint, wanted: BuildOptions, compress: ChosenCompressor | undefined, working: Working): Promise<OpenedModel> {
  const of = built.get(checkpoint) ?? new Map<string, Promise<OpenedModel>>()
  built.set(checkpoint, of)
  const key = keyOf([wanted, compress?.key])
  const known = of.get(key)
  const building = known ?? build(plugins, checkpoint, wanted, compress, working)
  of.set(key, building)
  building.catch(() => of.get(key) === building && of.delete(key))
  try {
    return await orAborted(building, working.signal)
  } catch (error) {
    throwIfAborted(working.signal)
    // Whoever began it was aborted, and others still want it.
    if (known !== undefined && AbortedError.isInstance(error)) return buildOnce(plugins, checkpoint, wanted, compress, working)
    throw error
  }
}

/** What the deployment says of a task. @throws InvalidInputError where a role was asked for that is none of the task's */
function roleOf({ roles }: CheckedDeployment, task: string, asked: unknown): Role | undefined {
  if (asked === undefined) return roles.get(task)
  const role = roles.get(asked as string)
  if (role?.task === task) return role
  const known = Array.from(roles).filter(([, each]) => each.task === task).map(([name]) => name)
  const close = typeof asked === 'string' ? nearest(asked, known) : undefined
  throw new InvalidOptionError({
    where: `the task '${task}'`,
    option: 'role',
    problem: role === undefined ? `is '${String(asked)}', which the deployment does not have` : `is '${String(asked)}', which is for the task '${role.task}'`,
    remedy: `${close === undefined ? '' : `Did you mean '${close}'? `}${known.length === 0 ? `Add a role with "task": "${task}" to the deployment` : `The deployment has: ${known.join(', ')}`}`,
  })
}

/** Libraries load while the model is opened. One that fails there fails again, and tells, when it compiles. */
function prepare({ candidates }: BackendChoice): void {
  for (const { plugin } of candidates) {
    try {
      plugin.prepare?.()
    } catch {
      // compile will tell
    }
  }
}
