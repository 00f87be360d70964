import type { Emit } from './events.js'
import type { Graph, Node, ValueInfo } from './graph.js'
import type { HostTensor, Tensor } from './tensor.js'

/** What a backend found on this machine. A reason says what is missing and the remedy. */
export type Probe =
  | { readonly available: true; readonly devices: readonly DeviceProbe[]; readonly details?: Readonly<Record<string, string>> }
  | { readonly available: false; readonly reason: string; readonly devices?: readonly DeviceProbe[] }

export interface DeviceProbe {
  /** `'cpu'`, `'cuda'`, `'tensorrt'`, … */
  readonly device: string
  readonly available: boolean
  /** Why not, and the remedy. */
  readonly reason?: string
}

export interface CompileContext {
  readonly emit: Emit
  readonly signal?: AbortSignal
}

export interface RunOptions {
  /** Aborting ends the computation itself, not only the wait for it. */
  readonly signal?: AbortSignal
}

/** A graph made ready to run on a device. Runs may overlap. */
export interface Executable extends AsyncDisposable {
  readonly inputs: readonly ValueInfo[]
  /** Those that a run returns: all that update no input. */
  readonly outputs: readonly ValueInfo[]
  /**
   * Feeds are read while the run lasts and are never freed; the outputs belong to the caller. A feed is written to only where
   * the graph updates that input: it must be a host tensor, or come from `place` or a run of the same backend, and be fed
   * once; after a run that failed or was aborted it holds the old value, the new one, or a mixture.
   * @throws InvalidInputError when a feed is missing, unknown or of another type or shape.
   * @throws AbortedError
   */
  run(feeds: Readonly<Record<string, Tensor>>, options?: RunOptions): Promise<Record<string, Tensor>>
  /** A copy of a tensor where runs read and update it without another: for what is fed again and again. The caller frees it. */
  place(tensor: HostTensor): Promise<Tensor>
}

/** Compiles graphs into executables. `Options` are what one task may ask of it, beyond what the plugin was made with. */
export interface Backend<Name extends string = string, Options extends object = never> {
  readonly kind: 'backend'
  readonly version: 'v1'
  readonly name: Name
  /** Reports and never throws. Where it lists several devices, `Options` has a `device` that names one of them. */
  probe(): Promise<Probe>
  /**
   * Tells of options that `compile` would refuse, before anything is opened.
   * @throws InvalidOptionError
   */
  check?(options: Options): void
  /** Whether it has a kernel for this node with inputs of these types (`undefined` where one is left out); composites without one are lowered to their decompositions. */
  supports(node: Node, inputs: readonly (ValueInfo | undefined)[]): boolean
  /** Starts loading what `compile` will wait for, as soon as a task is asked for; never throws, failures are `compile`'s to tell. */
  prepare?(): void
  compile(graph: Graph, options: Options, context: CompileContext): Promise<Executable>
  /** Frees what all its executables share. */
  dispose?(): Promise<void>
}
