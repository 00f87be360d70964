import { probeBackend, type Backend, type DeviceProbe, type Probe } from '@tenon/core'
import { bert } from '@tenon/models/bert'
import type { DeviceOption } from '../optional-backend.js'
import { backendPlugins } from '../plugins.js'
import type { Progress } from '../progress.js'
import { madeUpModel, MINILM } from './made-up-model.js'
import { measure, type Speed } from './measure.js'
import { familyGraphs, familySupport, type FamilySupport } from './support.js'

/** A backend: what it found on this machine, what it can run, and how fast. */
export interface DiagnosedBackend {
  readonly name: string
  readonly probe: Probe
  /** `null` where the backend is not there to be asked. */
  readonly runs: FamilySupport | null
  readonly devices: readonly DiagnosedDevice[]
}

export interface DiagnosedDevice extends DeviceProbe {
  /** `null` where it is not available, or nothing was to be measured. */
  readonly speed: Speed | null
}

export interface BackendOptions {
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Whether nothing is to be measured. */
  readonly quick: boolean
}

/** Asks every backend that is known what it can do here, one device after another, so that none slows another down. */
export async function diagnoseBackends({ signal, progress, quick }: BackendOptions): Promise<DiagnosedBackend[]> {
  progress.stage('looking for devices')
  const [graphs, layer, plugins] = await Promise.all([familyGraphs(), madeUpModel(bert(), MINILM), backendPlugins()])
  const found: DiagnosedBackend[] = []
  for (const backend of plugins as readonly Backend<string, DeviceOption>[]) {
    try {
      const probe = await probeBackend(backend)
      const listed = probe.devices ?? []
      const devices: DiagnosedDevice[] = []
      for (const device of listed) {
        signal.throwIfAborted()
        if (device.available && !quick) progress.stage(`measuring ${backend.name}/${device.device}`)
        const speed = device.available && probe.available && !quick ? await measure(backend, listed.length > 1 ? device.device : undefined, layer, signal) : null
        devices.push({ ...device, speed })
      }
      found.push({ name: backend.name, probe, runs: probe.available ? familySupport(backend, graphs) : null, devices })
    } finally {
      await backend.dispose?.()
    }
  }
  return found
}
