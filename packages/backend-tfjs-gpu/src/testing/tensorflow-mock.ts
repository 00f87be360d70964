import type { TensorFlow, TensorFlowBackend } from '../tensorflow.js'

/** A library that has every kernel and computes nothing: for tests of what is chosen, and of what is said about it. */
export function tensorflowMock({ gpu = true, kernels = true, starts = true }: { readonly gpu?: boolean; readonly kernels?: boolean; readonly starts?: boolean } = {}): TensorFlow {
  const backend = { isUsingGpuDevice: gpu, numDataIds: () => 0 } as unknown as TensorFlowBackend
  const engine = { backendName: undefined, registryFactory: { tensorflow: {} }, findBackend: () => backend, setBackend: async () => starts }
  const kernelFunc = (): never => {
    throw new Error('a mock computes nothing')
  }
  return { engine: () => engine as unknown as ReturnType<TensorFlow['engine']>, getKernel: () => (kernels ? { kernelFunc } : undefined) }
}
