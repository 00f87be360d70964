import type { slots } from './slots.js'

/** What a parameter is to the binding. `pointer` covers handles, arrays and places to write to. */
export type Parameter = 'pointer' | 'size' | 'int' | 'bool' | 'text'

/** Parameters of each function used that returns an `OrtStatus*`, in the header's order. */
export const functions = {
  CreateThreadingOptions: ['pointer'],
  SetGlobalIntraOpNumThreads: ['pointer', 'int'],
  SetGlobalInterOpNumThreads: ['pointer', 'int'],
  SetGlobalSpinControl: ['pointer', 'int'],
  CreateEnvWithGlobalThreadPools: ['int', 'text', 'pointer', 'pointer'],
  CreateCpuMemoryInfo: ['int', 'int', 'pointer'],

  CreateSessionOptions: ['pointer'],
  DisablePerSessionThreads: ['pointer'],
  SetIntraOpNumThreads: ['pointer', 'int'],
  SetSessionLogSeverityLevel: ['pointer', 'int'],
  SetSessionGraphOptimizationLevel: ['pointer', 'int'],
  AddSessionConfigEntry: ['pointer', 'text', 'text'],
  SessionOptionsSetLoadCancellationFlag: ['pointer', 'bool'],
  CreateSessionFromArray: ['pointer', 'pointer', 'size', 'pointer', 'pointer'],

  CreateRunOptions: ['pointer'],
  RunOptionsSetTerminate: ['pointer'],
  Run: ['pointer', 'pointer', 'pointer', 'pointer', 'size', 'pointer', 'size', 'pointer'],

  CreateTensorWithDataAsOrtValue: ['pointer', 'pointer', 'size', 'pointer', 'size', 'int', 'pointer'],
  GetTensorTypeAndShape: ['pointer', 'pointer'],
  GetTensorElementType: ['pointer', 'pointer'],
  GetDimensionsCount: ['pointer', 'pointer'],
  GetDimensions: ['pointer', 'pointer', 'size'],
  GetTensorMutableData: ['pointer', 'pointer'],

  CreateCUDAProviderOptions: ['pointer'],
  UpdateCUDAProviderOptions: ['pointer', 'pointer', 'pointer', 'size'],
  SessionOptionsAppendExecutionProvider_CUDA_V2: ['pointer', 'pointer'],
  CreateTensorRTProviderOptions: ['pointer'],
  UpdateTensorRTProviderOptions: ['pointer', 'pointer', 'pointer', 'size'],
  SessionOptionsAppendExecutionProvider_TensorRT_V2: ['pointer', 'pointer'],
} as const satisfies Partial<Record<keyof typeof slots, readonly Parameter[]>>

/** The functions that free a handle; they return nothing and cannot fail. */
export const releases = [
  'ReleaseEnv',
  'ReleaseThreadingOptions',
  'ReleaseMemoryInfo',
  'ReleaseSessionOptions',
  'ReleaseSession',
  'ReleaseRunOptions',
  'ReleaseTensorTypeAndShapeInfo',
  'ReleaseValue',
  'ReleaseCUDAProviderOptions',
  'ReleaseTensorRTProviderOptions',
] as const satisfies readonly (keyof typeof slots)[]
