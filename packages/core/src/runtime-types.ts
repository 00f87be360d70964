import type { Backend } from './backend.js'
import type { Compressor } from './compressor.js'
import type { Plugin } from './plugin.js'
import type { Runner, Task } from './task.js'

export type Plugins = readonly Plugin[]

type OfKind<P extends Plugins, Kind extends Plugin['kind']> = Extract<P[number], { readonly kind: Kind }>

export type TaskName<P extends Plugins> = OfKind<P, 'task'>['name']

type TaskNamed<P extends Plugins, Name extends string> = Extract<OfKind<P, 'task'>, { readonly name: Name }>

/** A name, or the name with that plugin's own options. */
type Choice<Name extends string, Options> = Name | ({ readonly name: Name } & Options)

type OneBackend<T> = T extends Backend<infer Name, infer Options> ? Choice<Name, Options> : never
type CompressorChoice<T> = T extends Compressor<infer Name, infer Options> ? Choice<Name, Options> : never

/** The quickest backend for a graph, found by compiling and running it on each. */
export interface AutoBackend<B> {
  readonly name: 'auto'
  /** Default: every backend that was passed, with each of its devices. */
  readonly among?: readonly B[]
  /** Most time that one candidate may take to compile and warm up. Default 10,000: a CUDA context alone takes seconds. */
  readonly milliseconds?: number
  /** Sizes to measure with, by the symbols of the graph's inputs. Default `{ batch: 1, sequence: 128 }`. */
  readonly sizes?: Readonly<Record<string, number>>
}

/** One backend, several to be tried in order, or the quickest. */
type BackendChoice<P extends Plugins, B = OneBackend<OfKind<P, 'backend'>>> = B | readonly B[] | 'auto' | AutoBackend<B>

/** What graphs run on, and what becomes of them before. */
interface Running<P extends Plugins> {
  /** Default: the role's, then the deployment's, then the first backend plugin that its probe finds available. */
  readonly backend?: BackendChoice<P>
  /** A pass over the model's graphs before they are compiled. Default: the role's, then the deployment's, then none. */
  readonly compress?: CompressorChoice<OfKind<P, 'compressor'>>
}

/** What a task runs on where its calls do not say. */
interface TaskRole<P extends Plugins, Name extends string = string> extends Running<P> {
  readonly task?: Name
  readonly model?: string | URL
}

/** A role that is called otherwise than its task, for a task that has several. */
interface NamedRole<P extends Plugins> extends TaskRole<P, TaskName<P>> {
  readonly task: TaskName<P>
}

/**
 * Which backend, device, model and compressor each task gets. What a call of `runtime.task` says goes before what its role
 * says, and that before `default`. A task that another asks for has the role of its own name, and where that says nothing,
 * what the other has.
 * @example
 * { roles: { embedding: { backend: { name: 'tfjs', device: 'wasm' } }, 'question-answering': { backend: 'onnx' } }, default: { backend: 'auto' } }
 */
export interface Deployment<P extends Plugins, R extends string = string> {
  /** By a task's name; or by another one, with `task`, that a call asks for: `runtime.task('embedding', { role: 'retriever' })`. */
  readonly roles?: { readonly [Role in R]: Role extends TaskName<P> ? TaskRole<P, Role> : NamedRole<P> }
  readonly default?: Running<P>
}

/** What every task is asked for. */
export type CommonOptions<P extends Plugins, R extends string> = Running<P> & Named<R> & {
  /** Aborts the loading. */
  readonly signal?: AbortSignal
}

/** Without roles a call names its model; with them it may leave that to its role. */
type Named<R extends string> = [R] extends [never]
  ? {
      /** A folder, a package name, a hub identifier: whatever the source plugins open. A `file:` URL is a path. */
      readonly model: string | URL
    }
  : {
      /** Default: the role's. */
      readonly model?: string | URL
      /** Default: the role that has the task's name, if there is one. */
      readonly role?: R
    }

type TaskOptions<T> = T extends Task<string, infer Options, Runner> ? Options : never

export type RequestFor<P extends Plugins, Name extends string, R extends string> = CommonOptions<P, R> & TaskOptions<TaskNamed<P, Name>>

/** What a model is built with. */
export interface BuildRequest<P extends Plugins> {
  /** `'base'`, `'masked-lm'`, `'question-answering'`, … */
  readonly head: string
  /** Which of the head's graphs are wanted: a task is quick to open where those that it asks for were built and kept. Default: all. */
  readonly roles?: readonly string[]
  readonly compress?: CompressorChoice<OfKind<P, 'compressor'>>
  /** Aborts what a compressor computes. */
  readonly signal?: AbortSignal
}

/** What the runtime adds to every runner. */
export interface Disposal extends AsyncDisposable {
  dispose(): Promise<void>
}

export type RunnerFor<P extends Plugins, Name extends string> =
  TaskNamed<P, Name> extends Task<string, never, infer R> ? R & Disposal : never

/** A plugin's identity in types; `never` where its name is not a literal, since such names cannot be compared. */
type KeyOf<T> = T extends { readonly kind: infer Kind extends string; readonly name: infer Name extends string }
  ? string extends Name ? never : `${Kind} '${Name}'`
  : never

/** The same tuple, with a sentence in place of each plugin that is listed a second time. */
export type Unique<P extends Plugins, Seen = never> = P extends readonly [infer Head extends Plugin, ...infer Rest extends Plugins]
  ? readonly [[KeyOf<Head>] extends [never] ? Head : KeyOf<Head> extends Seen ? `the ${KeyOf<Head>} is listed twice` : Head, ...Unique<Rest, Seen | KeyOf<Head>>]
  : P
