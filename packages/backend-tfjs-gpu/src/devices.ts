import type { BackendName } from './device.js'

/** Where TensorFlow.js can compute, best first. */
export const deviceNames = ['gpu', 'native', 'wasm', 'cpu'] as const

export type DeviceName = (typeof deviceNames)[number]

export interface Flavour {
  /** What TensorFlow.js calls it. */
  readonly backend: BackendName
  /** What has to be loaded, in this order; the first one holds the library's core. */
  readonly packages: readonly string[]
}

export const flavours: Readonly<Record<DeviceName, Flavour>> = {
  gpu: { backend: 'tensorflow', packages: ['@tensorflow/tfjs-node-gpu'] },
  native: { backend: 'tensorflow', packages: ['@tensorflow/tfjs-node'] },
  wasm: { backend: 'wasm', packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm'] },
  cpu: { backend: 'cpu', packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'] },
}
