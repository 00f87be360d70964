import type { Backend, DeviceProbe, Probe } from './backend.js'

/**
 * What a backend finds on this machine. One that breaks its contract, by throwing or by answering with something else, is
 * unavailable, for the reason that it does.
 */
export async function probeBackend(backend: Pick<Backend, 'name' | 'probe'>): Promise<Probe> {
  const broken = (what: string): Probe => ({ available: false, reason: `the plugin '${backend.name}' ${what}: install a version of it that keeps the contract of @tenon/core` })
  try {
    const probe: unknown = await backend.probe()
    const problem = problemOf(probe)
    return problem === undefined ? (probe as Probe) : broken(`answers its probe with ${problem}`)
  } catch (error) {
    return broken(`fails when it is probed, and should not (${error instanceof Error ? error.message : String(error)})`)
  }
}

function problemOf(probe: unknown): string | undefined {
  if (typeof probe !== 'object' || probe === null) return probe === null ? 'null' : typeof probe
  const { available, devices, reason } = probe as Partial<Record<'available' | 'devices' | 'reason', unknown>>
  if (typeof available !== 'boolean') return "no 'available'"
  if (!available && typeof reason !== 'string') return 'no reason'
  if (devices === undefined ? available : !Array.isArray(devices) || !devices.every(isDevice)) return 'no list of devices'
  return undefined
}

const isDevice = (device: unknown): device is DeviceProbe =>
  typeof device === 'object' && device !== null && typeof (device as Partial<DeviceProbe>).device === 'string' && typeof (device as Partial<DeviceProbe>).available === 'boolean'
