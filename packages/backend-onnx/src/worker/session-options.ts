import type { SessionSettings } from '../binding.js'
import type { ThreadSettings } from '../threads.js'

/** What `InferenceSession.create` takes. `extra` becomes the C API's session config entries. */
export function sessionOptions({ threads, spinning }: ThreadSettings, { device, prepack }: SessionSettings, folder: string | undefined): object {
  const gpu = 'deviceId' in device && device.deviceId !== undefined ? { deviceId: device.deviceId } : {}
  return {
    executionProviders: [
      ...(device.device === 'tensorrt' ? [{ name: 'tensorrt', ...gpu }] : []),
      ...(device.device === 'cpu' ? [] : [{ name: 'cuda', ...gpu }]),
      'cpu',
    ],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    extra: {
      session: {
        ...(folder !== undefined && { model_external_initializers_file_folder_path: folder }),
        ...(!prepack && { disable_prepacking: '1' }),
        intra_op: { allow_spinning: spinning ? '1' : '0' },
      },
    },
  }
}
