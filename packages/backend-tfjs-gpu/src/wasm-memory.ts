import type { DeviceArray, TensorFlowBackend, TensorInfo } from './tensorflow.js'

/** What a backend of WebAssembly shows of its memory beyond other backends; its own kernels use it. */
interface WasmBackend extends TensorFlowBackend {
  makeOutput(shape: readonly number[], dtype: TensorInfo['dtype'], memoryOffset?: number): TensorInfo
  typedArrayFromHeap(tensor: TensorInfo): DeviceArray
  readonly dataIdMap: { get(dataId: object): { readonly id: number; readonly memoryOffset: number }; delete(dataId: object): boolean }
  readonly wasm: { readonly tfjs: { disposeData(id: number): void } }
}

/** The memory of the WebAssembly backend, seen from JavaScript: some of its kernels are slower than a loop here. */
export interface WasmMemory {
  /** A view that the next allocation may detach: fetch it anew after each. */
  view(tensor: TensorInfo): DeviceArray
  make(shape: readonly number[], dtype: TensorInfo['dtype']): TensorInfo
  /** `use` with a tensor that lies inside another's memory, from the given element on. */
  within<T>(tensor: TensorInfo, start: number, shape: readonly number[], use: (part: TensorInfo) => T): T
  free(tensor: TensorInfo): void
}

export function wasmMemoryOf(backend: TensorFlowBackend): WasmMemory | undefined {
  const wasm = backend as WasmBackend & { disposeData(dataId: object): boolean }
  if (typeof wasm.makeOutput !== 'function' || typeof wasm.typedArrayFromHeap !== 'function' || wasm.wasm?.tfjs?.disposeData === undefined) return undefined
  return {
    view: (tensor) => wasm.typedArrayFromHeap(tensor),
    make: (shape, dtype) => wasm.makeOutput(shape, dtype),
    within(tensor, start, shape, use) {
      const part = wasm.makeOutput(shape, tensor.dtype, wasm.dataIdMap.get(tensor.dataId).memoryOffset + 4 * start)
      try {
        return use(part)
      } finally {
        // The memory is the whole tensor's, so only the registration goes, and with it what the library prepared for the part.
        wasm.wasm.tfjs.disposeData(wasm.dataIdMap.get(part.dataId).id)
        wasm.dataIdMap.delete(part.dataId)
      }
    },
    free: (tensor) => void wasm.disposeData(tensor.dataId),
  }
}
