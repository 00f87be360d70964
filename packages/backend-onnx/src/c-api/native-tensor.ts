import { byteLength, DisposedError, viewAs, type ArrayOf, type NumericType, type Tensor } from '@tenon/core'

import { out, type OrtLibrary, type Pointer } from './api.js'
import { dataTypes } from './element-types.js'

/** Frees an OrtValue once. */
class Holder {
  #value: Pointer | undefined

  constructor(
    readonly library: OrtLibrary,
    value: Pointer,
  ) {
    this.#value = value
  }

  release(): void {
    if (this.#value !== undefined) this.library.api.ReleaseValue(this.#value)
    this.#value = undefined
  }
}

/** Frees what was never disposed of, and what was disposed of while a view on it was still held. */
const collected = new FinalizationRegistry<Holder>((holder) => holder.release())

/**
 * An output where ONNX Runtime left it. `data()` is a view on that memory, not a copy. An ArrayBuffer over foreign memory
 * cannot be detached, so once a view was handed out the memory lives until that view is collected: a view kept past
 * disposal holds on to memory, and never dangles.
 */
export class NativeTensor<D extends NumericType = NumericType> implements Tensor<D> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly #holder: Holder
  readonly #data: Pointer
  #view: ArrayOf[D] | undefined
  #disposed = false

  constructor(library: OrtLibrary, value: Pointer, dtype: D, shape: readonly number[], data: Pointer) {
    this.dtype = dtype
    this.shape = shape
    this.#data = data
    this.#holder = new Holder(library, value)
    collected.register(this, this.#holder, this)
  }

  async data(): Promise<ArrayOf[D]> {
    if (this.#disposed) throw new DisposedError({ what: 'tensor' })
    if (this.#view === undefined) {
      const buffer = this.#holder.library.koffi.view(this.#data, byteLength(this.dtype, this.shape))
      collected.unregister(this)
      collected.register(buffer, this.#holder)
      this.#view = viewAs(this.dtype, new Uint8Array(buffer))
    }
    return this.#view
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    if (this.#view === undefined) {
      collected.unregister(this)
      this.#holder.release()
    }
    this.#view = undefined
  }
}

/** Wraps an OrtValue that a run made, and owns it from then on. */
export function wrapValue(library: OrtLibrary, value: Pointer): NativeTensor {
  const { api } = library
  const info = out((place) => api.GetTensorTypeAndShape(value, place))
  try {
    const element = new Int32Array(1)
    api.GetTensorElementType(info, element)
    const dtype = dataTypes.get(element[0] as number)
    if (dtype === undefined) throw new Error(`an output has the element type ${element[0]}, which has no array in JavaScript`)
    const rank = Number(out((place) => api.GetDimensionsCount(info, place)))
    const sizes = new BigInt64Array(rank)
    if (rank > 0) api.GetDimensions(info, sizes, rank)
    const data = out((place) => api.GetTensorMutableData(value, place))
    return new NativeTensor(library, value, dtype, Array.from(sizes, Number), data)
  } finally {
    api.ReleaseTensorTypeAndShapeInfo(info)
  }
}
