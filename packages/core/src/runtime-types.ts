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

type BackendChoice<T> = T extends Backend<infer Name, infer Options> ? Choice<Name, Options> : never
type CompressorChoice<T> = T extends Compressor<infer Name, infer Options> ? Choice<Name, Options> : never

/** What every task is asked for. */
export interface CommonOptions<P extends Plugins> {
  /** A folder, a package name, a hub identifier: whatever the source plugins open. A `file:` URL is a path. */
  readonly model: string | URL
  /** Default: the first backend plugin that its probe finds available. */
  readonly backend?: BackendChoice<OfKind<P, 'backend'>>
  /** A pass over the model's graphs before they are compiled. Default: none. */
  readonly compress?: CompressorChoice<OfKind<P, 'compressor'>>
  /** Aborts the loading. */
  readonly signal?: AbortSignal
}

type TaskOptions<T> = T extends Task<string, infer Options, Runner> ? Options : never

export type RequestFor<P extends Plugins, Name extends string> = CommonOptions<P> & TaskOptions<TaskNamed<P, Name>>

/** What a model is built with. */
export interface BuildRequest<P extends Plugins> {
  /** `'base'`, `'masked-lm'`, `'question-answering'`, … */
  readonly head: string
  readonly compress?: CompressorChoice<OfKind<P, 'compressor'>>
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
