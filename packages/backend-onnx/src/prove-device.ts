import { BackendError, type DeviceProbe } from '@tenon/core'

import type { Binding } from './binding.js'
import { loadKoffi } from './c-api/load-koffi.js'
import { selfTest } from './c-api/self-test.js'
import { probeDevice, providerLibrary, type DeviceSettings } from './devices.js'

/**
 * Whether a device works. That its provider library lies there says little (onnxruntime-node's install script puts the
 * CUDA one on every Linux x64 machine), so a small model has to run on it.
 */
export async function proveDevice(binding: Binding, settings: DeviceSettings, libraryPath: string): Promise<DeviceProbe> {
  const { device } = settings
  const found = probeDevice(device, libraryPath)
  if (device === 'cpu' || !found.available) return found
  try {
    await selfTest(binding, settings)
    return found
  } catch (error) {
    const missing = await missingLibrary(providerLibrary(device, libraryPath))
    return { device, available: false, reason: missing === undefined ? `${ownWords(error)}: see that nvidia-smi shows the GPU and that the loader finds NVIDIA's libraries (LD_LIBRARY_PATH), or pass devices: ['cpu']` : remedyFor(missing) }
  }
}

const remedyFor = (missing: string) =>
  missing.startsWith('libcuda.so')
    ? `${missing}, of NVIDIA's driver, is not found: install the driver, or pass devices: ['cpu']`
    : `${missing}, of NVIDIA's libraries, is not found: install it where the loader looks (LD_LIBRARY_PATH), in the version its name says, or pass devices: ['cpu']`

/** What ONNX Runtime knows and does not pass on: the loader's own words name the library that is not there. */
async function missingLibrary(path: string): Promise<string | undefined> {
  try {
    const koffi = await loadKoffi()
    koffi.load(path).unload()
    return undefined
  } catch (error) {
    return /([^\s:]+): cannot open shared object file/.exec(words(error))?.[1]
  }
}

/** ONNX Runtime's, without the advice on models that a failure to load one comes with. */
function ownWords(error: unknown): string {
  const text = words(BackendError.isInstance(error) ? error.cause : error).replace(/\.\s*$/, '')
  // What CUDA or the loader says stands between C++ signatures and file names.
  return /(CUDA failure \d+: [^;]*[^;\s]|Invalid device ID: .*|Failed to load library .*)/.exec(text)?.[1] ?? text
}

const words = (error: unknown) => (error instanceof Error ? error.message : String(error))
