import type { HostTensor, NoticeEvent, Tensor } from '@tenon/core'

import type { DeviceSettings } from './devices.js'
import type { OutputSize } from './output-sizes.js'
import type { PreparedModel } from './weights/prepare-model.js'

/** A way to reach ONNX Runtime: its C API from this thread, or its own JavaScript binding in worker threads. */
export interface Binding {
  readonly kind: 'native' | 'worker'
  /** Why this one and not the other. */
  readonly reason: string
  /** Of ONNX Runtime. */
  readonly version: string
  /** The threads that compute, in words for `probe`. */
  readonly threads: string
  /** What a user should know of how it came to be. */
  readonly notices: readonly Omit<NoticeEvent, 'type'>[]
  /** Into how many parts a model may be divided, which are loaded at once. */
  readonly mostParts: number
  /** Takes over the models: they are released when they are no longer needed, also after a failure. */
  open(parts: readonly Part[], settings: SessionSettings, signal?: AbortSignal): Promise<Session>
  /** Called after all its sessions were closed. */
  close(): Promise<void>
}

/** A model, or some of its nodes, which read and make values of the whole or of other parts. */
export interface Part {
  readonly model: PreparedModel
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

export interface SessionSettings {
  /** Of the whole. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** For each output, which input's feed it is written into, where the graph updates one. */
  readonly updates: readonly (number | undefined)[]
  /** What is known before a run of each output's shape, if its memory is to be used again. */
  readonly sizes: readonly (readonly OutputSize[] | undefined)[]
  readonly device: DeviceSettings
  readonly prepack: boolean
}

/** A model that the library has loaded. */
export interface Session {
  /** Feeds in the order of the inputs, and tensors in the order of the outputs, without those that update a feed. Rejects only when no native work reads the feeds any more. */
  run(feeds: readonly HostTensor[], signal?: AbortSignal): Promise<Tensor[]>
  /** Called once no run is under way. */
  close(): Promise<void>
}
