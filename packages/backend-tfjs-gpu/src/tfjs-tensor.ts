import { DisposedError, type ArrayOf, type NumericType, type Tensor } from '@tenon/core'
import { computeTypeOf, fromCarrier, narrow } from './carrier.js'
import type { Device } from './device.js'
import type { DeviceTensor } from './tensorflow.js'

/** What is forgotten is freed when it is collected. */
const forgotten = new FinalizationRegistry<DeviceTensor>((tensor) => tensor.dispose())

/** A tensor on a device, under core's contract. */
export class TfjsTensor<D extends NumericType = NumericType> implements Tensor<D> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly #device: Device
  #tensor: DeviceTensor
  #disposed = false

  /** Takes the tensor over. */
  constructor(device: Device, dtype: D, tensor: DeviceTensor) {
    this.dtype = dtype
    this.shape = [...tensor.shape]
    this.#device = device
    this.#tensor = tensor
    forgotten.register(this, tensor, this)
  }

  isOn(device: Device): boolean {
    return this.#device === device
  }

  /** The same memory under a handle of its own, which outlives this tensor. @throws DisposedError */
  share(): DeviceTensor {
    this.#check()
    return this.#device.share(this.#tensor)
  }

  /** Takes over another tensor in the place of its own: what an update does. */
  replace(tensor: DeviceTensor): void {
    forgotten.unregister(this)
    this.#tensor.dispose()
    this.#tensor = tensor
    forgotten.register(this, tensor, this)
    if (this.#disposed) this.#free()
  }

  async data(): Promise<ArrayOf[D]> {
    this.#check()
    const values = fromCarrier(computeTypeOf(this.dtype), await this.#device.read(this.#tensor))
    return narrow(this.dtype, values) as ArrayOf[D]
  }

  [Symbol.dispose](): void {
    if (!this.#disposed) this.#free()
  }

  #free(): void {
    this.#disposed = true
    forgotten.unregister(this)
    this.#tensor.dispose()
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError({ what: 'tensor' })
  }
}
