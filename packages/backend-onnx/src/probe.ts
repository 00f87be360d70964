import { TenonError, type DeviceProbe, type Probe } from '@tenon/core'

import type { Binding } from './binding.js'
import { describeCpu } from './cpu.js'
import { findInstallation } from './library.js'
import type { Settings } from './options.js'
import { proveDevice } from './prove-device.js'

/** What this machine offers; never throws. */
export async function probe(settings: Settings, binding: () => Promise<Binding>): Promise<Probe> {
  try {
    const { library } = findInstallation(settings.onnxruntime)
    const loaded = await binding()
    const devices: DeviceProbe[] = []
    for (const device of settings.devices) devices.push(await proveDevice(loaded, device, library))
    if (!devices.some(({ available }) => available)) {
      return { available: false, reason: devices.map(({ device, reason }) => `${device}: ${reason}`).join('; '), devices }
    }
    return {
      available: true,
      devices,
      details: {
        onnxruntime: loaded.version,
        binding: `${loaded.kind}: ${loaded.reason}`,
        threads: loaded.threads,
        ...describeCpu(),
      },
    }
  } catch (error) {
    return { available: false, reason: TenonError.isInstance(error) || error instanceof Error ? error.message : String(error) }
  }
}
