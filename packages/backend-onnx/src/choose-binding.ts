import { BackendUnavailableError } from '@tenon/core'

import type { Binding } from './binding.js'
import { NativeBinding } from './c-api/native-binding.js'
import { findInstallation } from './library.js'
import type { Settings } from './options.js'
import { WorkerBinding } from './worker/worker-binding.js'

const words = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * Loads ONNX Runtime the way the options ask for.
 * @throws BackendUnavailableError
 */
export async function chooseBinding(settings: Settings): Promise<Binding> {
  const { entry, library } = findInstallation(settings.onnxruntime)
  let reason = "binding: 'worker' was asked for"
  if (settings.binding !== 'worker') {
    try {
      return await NativeBinding.create(library, settings)
    } catch (error) {
      reason = `its C API cannot be used from ${library}: ${words(error)}`
      if (settings.binding === 'native') {
        throw new BackendUnavailableError({ backend: 'onnx', reason, remedy: "Pass binding: 'auto', or install koffi and an onnxruntime-node with a build for this platform", cause: error })
      }
    }
  }
  try {
    return await WorkerBinding.create({ entry, threads: settings.threads, spinning: settings.spinning }, { reason, fallback: settings.binding !== 'worker' })
  } catch (error) {
    throw new BackendUnavailableError({
      backend: 'onnx',
      reason: `${reason}; and ${entry} cannot be loaded: ${words(error)}`,
      remedy: 'Install an onnxruntime-node ≥ 1.22 that has a build for this platform',
      cause: error,
    })
  }
}
