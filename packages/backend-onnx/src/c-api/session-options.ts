import type { SessionSettings } from '../binding.js'
import { cudaOptions, tensorrtOptions, type DeviceSettings } from '../devices.js'
import { out, type OrtApi, type OrtLibrary, type Pointer } from './api.js'
import { cStrings } from './c-strings.js'
import { logFatal, type Environment } from './environment.js'

/** ORT_ENABLE_ALL. Lower levels load no sooner (within noise) and run no faster (docs/decisions/0003). */
const allOptimizations = 99

/** On the CPU, bias and GELU in one kernel take longer than one after the other (docs/decisions/0005). */
const slowFusions = 'BiasGeluFusion'

/** An OrtSessionOptions; the caller releases it. */
export function createSessionOptions(environment: Environment, settings: SessionSettings, folder: string | undefined): Pointer {
  const { library } = environment
  const { api } = library
  const options = out((place) => api.CreateSessionOptions(place))
  try {
    if (environment.sharesThreads) api.DisablePerSessionThreads(options)
    else {
      api.SetIntraOpNumThreads(options, environment.settings.threads)
      api.AddSessionConfigEntry(options, 'session.intra_op.allow_spinning', environment.settings.spinning ? '1' : '0')
    }
    api.SetSessionLogSeverityLevel(options, logFatal) // the environment may be one that onnxruntime-node's own binding made
    api.SetSessionGraphOptimizationLevel(options, allOptimizations)
    if (settings.device.device === 'cpu') api.AddSessionConfigEntry(options, 'optimization.disable_specified_optimizers', slowFusions)
    if (folder !== undefined) api.AddSessionConfigEntry(options, 'session.model_external_initializers_file_folder_path', folder)
    if (!settings.prepack) api.AddSessionConfigEntry(options, 'session.disable_prepacking', '1')
    appendProviders(library, options, settings.device)
    return options
  } catch (error) {
    api.ReleaseSessionOptions(options)
    throw error
  }
}

/** Nodes go to the first provider that has a kernel for them; the CPU's stands last without being named. */
function appendProviders(library: OrtLibrary, options: Pointer, device: DeviceSettings): void {
  if (device.device === 'tensorrt') {
    appendProvider(library, options, tensorrtOptions(device), {
      create: 'CreateTensorRTProviderOptions',
      update: 'UpdateTensorRTProviderOptions',
      append: 'SessionOptionsAppendExecutionProvider_TensorRT_V2',
      release: 'ReleaseTensorRTProviderOptions',
    })
  }
  if (device.device !== 'cpu') {
    const cuda = device.device === 'cuda' ? device : { device: 'cuda' as const, ...(device.deviceId !== undefined && { deviceId: device.deviceId }) }
    appendProvider(library, options, cudaOptions(cuda), {
      create: 'CreateCUDAProviderOptions',
      update: 'UpdateCUDAProviderOptions',
      append: 'SessionOptionsAppendExecutionProvider_CUDA_V2',
      release: 'ReleaseCUDAProviderOptions',
    })
  }
}

interface ProviderFunctions {
  readonly create: 'CreateCUDAProviderOptions' | 'CreateTensorRTProviderOptions'
  readonly update: 'UpdateCUDAProviderOptions' | 'UpdateTensorRTProviderOptions'
  readonly append: 'SessionOptionsAppendExecutionProvider_CUDA_V2' | 'SessionOptionsAppendExecutionProvider_TensorRT_V2'
  readonly release: keyof OrtApi & ('ReleaseCUDAProviderOptions' | 'ReleaseTensorRTProviderOptions')
}

function appendProvider({ koffi, api }: OrtLibrary, options: Pointer, entries: Readonly<Record<string, string>>, names: ProviderFunctions): void {
  const provider = out((place) => api[names.create](place))
  try {
    const keys = cStrings(koffi, Object.keys(entries))
    const values = cStrings(koffi, Object.values(entries))
    if (keys.buffers.length > 0) api[names.update](provider, keys.addresses, values.addresses, keys.buffers.length)
    api[names.append](options, provider)
  } finally {
    api[names.release](provider)
  }
}
