import type { ComputeType, HostArray } from './carrier.js'
import type { Device } from './device.js'
import type { DeviceTensor } from './tensorflow.js'

/** A value of a run: in JavaScript memory, on the device, or, once both have asked for it, in both. */
export class Held {
  readonly dtype: ComputeType
  readonly shape: readonly number[]
  #array: HostArray | undefined
  #tensor: DeviceTensor | undefined

  private constructor(dtype: ComputeType, shape: readonly number[], array: HostArray | undefined, tensor: DeviceTensor | undefined) {
    this.dtype = dtype
    this.shape = shape
    this.#array = array
    this.#tensor = tensor
  }

  static array(array: HostArray): Held {
    return new Held(array.dtype, array.shape, array, undefined)
  }

  /** Takes the tensor over. */
  static tensor(dtype: ComputeType, tensor: DeviceTensor): Held {
    return new Held(dtype, tensor.shape, undefined, tensor)
  }

  onDevice(device: Device): DeviceTensor {
    return (this.#tensor ??= device.uploadCopy(this.#array!))
  }

  onHost(device: Device): HostArray {
    return (this.#array ??= device.readHost(this.#tensor!, this.dtype))
  }

  /** In JavaScript memory, without asking the device. */
  get array(): HostArray | undefined {
    return this.#array
  }

  /** The tensor, for whoever frees it from now on; `undefined` where there is none. */
  release(): DeviceTensor | undefined {
    const tensor = this.#tensor
    this.#tensor = undefined
    return tensor
  }

  free(): void {
    this.release()?.dispose()
  }
}
