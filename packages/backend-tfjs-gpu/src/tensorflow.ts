import type { KernelName } from './kernels.js'

/** What is used of TensorFlow.js's core: its types are not named, since it is an optional peer that need not be installed. */
export interface TensorFlow {
  engine(): Engine
  getKernel(name: string, backend: string): { readonly kernelFunc: KernelFunction } | undefined
}

/** The one engine of a process: it knows the backends, of which one is current, and counts tensors. */
export interface Engine {
  readonly backendName: string | undefined
  readonly registryFactory: Readonly<Record<string, unknown>>
  findBackend(name: string): TensorFlowBackend | null
  setBackend(name: string): Promise<boolean>
  makeTensor(values: DeviceArray, shape: readonly number[], dtype: DeviceType, backend: TensorFlowBackend): DeviceTensor
  makeTensorFromTensorInfo(info: TensorInfo, backend: TensorFlowBackend): DeviceTensor
}

export interface TensorFlowBackend {
  numDataIds(): number
  read(dataId: object): Promise<DeviceArray>
  readSync(dataId: object): DeviceArray
}

/** The element types that TensorFlow.js has and tensors of numbers need. */
export type DeviceType = 'float32' | 'int32' | 'bool'

export type DeviceArray = Float32Array | Int32Array | Uint8Array

export interface TensorInfo {
  readonly dataId: object
  readonly shape: number[]
  readonly dtype: DeviceType
}

/** A tensor on a device, as the engine counts it. */
export interface DeviceTensor extends TensorInfo {
  readonly isDisposed: boolean
  /** Scopes of `tf.tidy` that are open around us leave it alone. */
  kept: boolean
  dispose(): void
}

export type Attributes = Readonly<Record<string, unknown>>

export type KernelFunction = (call: { readonly inputs: Readonly<Record<string, TensorInfo>> | readonly TensorInfo[]; readonly attrs: Attributes; readonly backend: TensorFlowBackend }) => TensorInfo | readonly TensorInfo[]

export type Kernels = Readonly<Record<KernelName, KernelFunction>>
