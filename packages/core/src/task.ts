import type { Executable } from './backend.js'
import type { Emit } from './events.js'
import type { Graph } from './graph.js'
import type { Graphs } from './model.js'
import type { Checkpoint } from './source.js'

/** A model, opened, with the graphs of one head after the user's compressor. Its tokenizer can be read while they compile. */
export interface OpenedModel {
  readonly checkpoint: Checkpoint
  readonly graphs: Graphs
  /** The most tokens one text may have, special tokens included, or `undefined` where positions set no limit. */
  readonly maxLength: number | undefined
}

/** Which model, and what it runs on, where a task has a second one. What is left out is as the task's own. */
export interface ModelChoices {
  readonly model?: string | URL | undefined
  /** As `runtime.task` takes it. */
  readonly backend?: unknown
  /** As `runtime.task` takes it. */
  readonly compress?: unknown
  /** A role of the deployment that is for this task. */
  readonly role?: string | undefined
}

/** What the runtime lends a task. Whatever is got through it is freed with the task's runner. */
export interface TaskContext {
  readonly emit: Emit
  /** Aborts what the task begins: when its creation is aborted, and when it is disposed of. Runs take a signal of their own. */
  readonly signal?: AbortSignal
  /** Opens the model the user named, with this head. Of its graphs, those of the `roles` that are named are built, and others may be. */
  open(head: string, roles?: readonly string[]): Promise<OpenedModel>
  /** Compiles on the backend the user chose. What is needed later may be left to compile when the task is made already: its disposal aborts that and waits for it. */
  compile(graph: Graph): Promise<Executable>
  /**
   * Another task of the same runtime, on the same model and backend unless `options` say otherwise.
   * @throws NoSuchTaskError when its plugin was not passed.
   */
  task<R extends Runner = Runner>(name: string, options?: object): Promise<R>
  /**
   * The same for another model, whose graphs run beside the task's own: a draft model that guesses for it. What is got through it is freed
   * with the task too.
   * @throws InvalidOptionError, NoSuchBackendError, NoSuchCompressorError
   */
  with(choices: ModelChoices): TaskContext
  /** Registers what else is to be freed, last first. */
  defer(free: () => void | PromiseLike<void>): void
}

/** What a task makes: a function, with whatever methods it needs. The runtime adds `dispose`. */
export type Runner = (...inputs: never[]) => unknown

/** Something users do with models: one factory, one function back. */
export interface Task<Name extends string = string, Options extends object = never, R extends Runner = Runner> {
  readonly kind: 'task'
  readonly version: 'v1'
  /** The hub's name for it where there is one. */
  readonly name: Name
  create(context: TaskContext, options: Options): Promise<R>
}
