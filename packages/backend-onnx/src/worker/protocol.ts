export interface WorkerFeed {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: ArrayBufferView
}

/** What the main thread asks of a worker: to load the package, to open a session, to run it. */
export type WorkerQuestion =
  | { readonly kind: 'load' }
  | { readonly kind: 'open'; readonly bytes: Uint8Array; readonly options: object }
  | { readonly kind: 'run'; readonly feeds: Readonly<Record<string, WorkerFeed>>; readonly outputs: readonly string[] }

export interface WorkerOutput {
  readonly type: string
  readonly dims: readonly number[]
  readonly bytes: Uint8Array
}

export interface WorkerAnswer {
  readonly id: number
  /** Of ONNX Runtime, in the answer to 'load'. */
  readonly version?: string
  /** In the answer to 'run'. */
  readonly outputs?: readonly WorkerOutput[]
}

export type WorkerReply = WorkerAnswer | { readonly id: number; readonly error: string }
