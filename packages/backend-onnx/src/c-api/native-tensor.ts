import { byteLength, DisposedError, viewAs, type ArrayOf, type NumericType, type Tensor } from '@tenon/core'

import { out, type OrtLibrary, type Pointer } from './api.js'
import { dataTypes } from './element-types.js'

/** Frees an OrtValue once. */
class Holder {
  value: Pointer | undefined

  constructor(
    readonly library: OrtLibrary,
    value: Pointer,
  ) {
    this.value = value
  }

  release(): void {
    if (this.value !== undefined) this.library.api.ReleaseValue(this.value)
    this.value = undefined
  }
}

/** Frees what was never disposed of, and what was disposed of while a view on it was still held. */
const collected = new FinalizationRegistry<Holder>((holder) => holder.release())

/** Where a run left an output. The holder knows nothing of the view, which could never be collected otherwise. */
export interface OutputMemory<D extends NumericType = NumericType> {
  readonly holder: Holder
  readonly dtype: D
  readonly shape: readonly number[]
  readonly data: Pointer
  readonly view?: ArrayOf[D]
}

/**
 * An output where ONNX Runtime left it. `data()` is a view on that memory, not a copy. An ArrayBuffer over foreign memory
 * cannot be detached, so once a view was handed out the memory lives until that view is collected: a view kept past
 * disposal holds on to memory, and never dangles.
 */
export class NativeTensor<D extends NumericType = NumericType> implements Tensor<D> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly #onDispose: ((memory: OutputMemory<D>) => void) | undefined
  #memory: OutputMemory<D> | undefined

  /** @param onDispose Gets the memory of a tensor that was looked at and disposed of: nobody reads it any more. */
  constructor(memory: OutputMemory<D>, onDispose?: (memory: OutputMemory<D>) => void) {
    this.dtype = memory.dtype
    this.shape = memory.shape
    this.#memory = memory
    this.#onDispose = onDispose
    if (memory.view === undefined) collected.register(this, memory.holder, this)
  }

  async data(): Promise<ArrayOf[D]> {
    if (this.#memory === undefined) throw new DisposedError({ what: 'tensor' })
    const { view, holder, data } = this.#memory
    if (view !== undefined) return view
    const buffer = holder.library.koffi.view(data, byteLength(this.dtype, this.shape))
    collected.unregister(this)
    collected.register(buffer, holder)
    const made = viewAs(this.dtype, new Uint8Array(buffer))
    this.#memory = { ...this.#memory, view: made }
    return made
  }

  [Symbol.dispose](): void {
    const memory = this.#memory
    this.#memory = undefined
    if (memory === undefined) return
    if (memory.view !== undefined) return this.#onDispose?.(memory)
    collected.unregister(this)
    memory.holder.release()
  }
}

/** Owns, from then on, an OrtValue that a run made. */
export function memoryOf(library: OrtLibrary, value: Pointer): OutputMemory {
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
    return { holder: new Holder(library, value), dtype, shape: Array.from(sizes, Number), data }
  } finally {
    api.ReleaseTensorTypeAndShapeInfo(info)
  }
}
