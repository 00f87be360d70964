import { viewAs, type Constant } from '@tenon/core'
import { widen, type HostArray } from './carrier.js'
import type { Device } from './device.js'
import type { DeviceTensor } from './tensorflow.js'

interface Weight {
  readonly tensor: Promise<DeviceTensor>
  users: number
}

/** The weights that lie on a device: one copy for all executables whose graphs hold the same constant. */
export class Weights {
  readonly #device: Device
  readonly #weights = new Map<Constant, Weight>()

  constructor(device: Device) {
    this.#device = device
  }

  /** The constant on the device, a tensor of the caller's own over the memory that all share. */
  async take(constant: Constant): Promise<DeviceTensor> {
    const known = this.#weights.get(constant)
    const weight = known ?? { tensor: this.#upload(constant), users: 0 }
    weight.users++
    this.#weights.set(constant, weight)
    try {
      return await weight.tensor
    } catch (error) {
      this.give(constant)
      throw error
    }
  }

  /** What was taken is not needed any more. */
  give(constant: Constant): void {
    const weight = this.#weights.get(constant)
    if (weight === undefined || --weight.users > 0) return
    this.#weights.delete(constant)
    void weight.tensor.then((tensor) => tensor.dispose(), () => undefined)
  }

  async #upload(constant: Constant): Promise<DeviceTensor> {
    const array = await arrayOf(constant)
    return this.#device.uploadHost(array)
  }
}

/** A constant's elements, in the type that is computed in. */
export async function arrayOf({ dtype, shape, inline, bytes }: Constant): Promise<HostArray> {
  return widen(dtype, shape, viewAs(dtype, inline ?? (await bytes())))
}
