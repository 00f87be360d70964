import type { DeviceProbe, Probe } from '@tenon/core'
import type { DeviceName } from './devices.js'
import { flavours } from './devices.js'
import type { Place } from './executable.js'
import type { Settings } from './options.js'

/** Which device is used, and why not the others; never throws. */
export async function probe({ devices }: Settings, placeOf: (name: DeviceName) => Promise<Place>): Promise<Probe> {
  const found: DeviceProbe[] = []
  for (const device of devices) {
    try {
      await placeOf(device)
      found.push({ device, available: true })
    } catch (error) {
      found.push({ device, available: false, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  const used = found.find(({ available }) => available)
  if (used === undefined) return { available: false, reason: found.map(({ device, reason }) => `${device}: ${reason}`).join('; '), devices: found }
  return { available: true, devices: found, details: { device: used.device, package: flavours[used.device as DeviceName].packages.at(-1)! } }
}
