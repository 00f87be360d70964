import { fromCarrier, toCarrier, carrierOf, type ComputeType, type HostArray } from './carrier.js'
import { kernelNames, type KernelName } from './kernels.js'
import { sameShape } from './shapes.js'
import type { Attributes, DeviceArray, DeviceTensor, DeviceType, Engine, Kernels, TensorFlow, TensorFlowBackend, TensorInfo } from './tensorflow.js'
import { wasmMemoryOf, type WasmMemory } from './wasm-memory.js'

/** The backends of TensorFlow.js that are used, by its names for them. */
export type BackendName = 'tensorflow' | 'wasm' | 'cpu'

/**
 * One backend of TensorFlow.js, whose kernels are called without `tf.setBackend` where that can be: it is the program's own
 * choice, and another executable's may differ.
 */
export class Device {
  readonly #engine: Engine
  readonly #backend: TensorFlowBackend
  readonly #name: BackendName
  readonly #kernels: Kernels
  /** Of WebAssembly only: its memory, for what its kernels do slowly. */
  readonly memory: WasmMemory | undefined

  constructor(tf: TensorFlow, name: BackendName, backend: TensorFlowBackend) {
    this.#engine = tf.engine()
    this.#backend = backend
    this.#name = name
    this.#kernels = Object.fromEntries(kernelNames.map((kernel) => [kernel, kernelOf(tf, kernel, name)])) as Kernels
    this.memory = name === 'wasm' ? wasmMemoryOf(backend) : undefined
  }

  /** Runs a kernel with one output. */
  run(kernel: KernelName, inputs: Readonly<Record<string, TensorInfo>> | readonly TensorInfo[], attrs: Attributes = {}): DeviceTensor {
    return this.own(this.#kernels[kernel]({ inputs, attrs, backend: this.#backend }) as TensorInfo)
  }

  /** Has the engine count what a kernel made; the native kernels do that themselves. */
  own(made: TensorInfo): DeviceTensor {
    const tensor = 'isDisposed' in made ? (made as DeviceTensor) : this.#engine.makeTensorFromTensorInfo(made, this.#backend)
    tensor.kept = true
    return tensor
  }

  /** Copies nothing where the device works in JavaScript memory: the array must not change. */
  upload(values: DeviceArray, shape: readonly number[], dtype: DeviceType): DeviceTensor {
    const tensor = this.#engine.makeTensor(values, [...shape], dtype, this.#backend)
    tensor.kept = true
    return tensor
  }

  uploadHost(array: HostArray): DeviceTensor {
    return this.upload(toCarrier(array), array.shape, carrierOf(array.dtype)!)
  }

  /** As `uploadHost`, into memory that nobody else has. */
  uploadCopy(array: HostArray): DeviceTensor {
    const values = toCarrier(array)
    return this.upload(this.memory === undefined && values === array.values ? values.slice() : values, array.shape, carrierOf(array.dtype)!)
  }

  /** An array of the caller's own. */
  async read({ dataId }: DeviceTensor): Promise<DeviceArray> {
    const values = await this.#backend.read(dataId)
    return this.memory === undefined ? values.slice() : values
  }

  readHost(tensor: DeviceTensor, dtype: ComputeType): HostArray {
    return { dtype, shape: tensor.shape, values: fromCarrier(dtype, this.#backend.readSync(tensor.dataId)) }
  }

  /** A tensor of one number throughout. */
  full(shape: readonly number[], value: number, dtype: DeviceType = 'float32'): DeviceTensor {
    return this.run('Fill', {}, { shape: [...shape], value, dtype })
  }

  /** The same memory under another handle, which is freed by itself. In WebAssembly identity copies, and natively reshaping makes a new buffer. */
  share(x: TensorInfo): DeviceTensor {
    return this.#name === 'tensorflow' ? this.run('Identity', { x }) : this.run('Reshape', { x }, { shape: x.shape })
  }

  /** The same elements in another shape; no copy. */
  reshape(x: TensorInfo, shape: readonly number[]): DeviceTensor {
    return sameShape(x.shape, shape) ? this.share(x) : this.run('Reshape', { x }, { shape: [...shape] })
  }

  /**
   * Calls kernels for as long as it likes. The native ones call others through the engine, so for them its backend has to be
   * the current one meanwhile.
   */
  during<T>(work: () => T): T {
    const before = this.#engine.backendName
    if (this.#name !== 'tensorflow' || before === 'tensorflow') return work()
    void this.#engine.setBackend('tensorflow') // at once, since it is there already
    try {
      return work()
    } finally {
      if (before !== undefined) void this.#engine.setBackend(before)
    }
  }

  /** How many buffers the backend holds, ours and others'. */
  get buffers(): number {
    return this.#backend.numDataIds()
  }
}

function kernelOf(tf: TensorFlow, name: KernelName, backend: BackendName): Kernels[KernelName] {
  const kernel = tf.getKernel(name, backend)
  if (kernel === undefined) throw new Error(`its backend '${backend}' has no kernel ${name}`)
  return kernel.kernelFunc
}

/** What `use` makes of tensors that nobody needs afterwards. */
export function freeing<T>(tensors: readonly DeviceTensor[], use: () => T): T {
  try {
    return use()
  } finally {
    for (const tensor of tensors) tensor.dispose()
  }
}
