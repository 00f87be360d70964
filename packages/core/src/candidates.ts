import type { Backend } from './backend.js'
import type { BackendChoice, Chosen } from './choose.js'
import { InvalidDeploymentError } from './errors/invalid-deployment-error.js'
import { InvalidOptionError } from './errors/invalid-option-error.js'
import type { TenonError } from './errors/tenon-error.js'
import { nearest } from './nearest.js'
import { probeBackend } from './probe-backend.js'

/** A backend with the device it would use, as notices and errors name it: `'onnx/cuda'`. */
export interface Candidate extends Chosen<Backend> {
  readonly label: string
}

/** A candidate, and why it is not used. */
export interface PassedOver {
  readonly candidate: Candidate
  readonly reason: string
}

export const deviceOf = ({ options }: Chosen<Backend>): string | undefined => (typeof options['device'] === 'string' ? options['device'] : undefined)

export function named(chosen: Chosen<Backend>): Candidate {
  const device = deviceOf(chosen)
  return { ...chosen, label: device === undefined ? chosen.plugin.name : `${chosen.plugin.name}/${device}` }
}

/**
 * Why a backend, or the device asked of it, is not available here.
 * @throws InvalidDeploymentError, InvalidOptionError when it has no such device.
 */
export async function whyNot(chosen: Chosen<Backend>, { path }: BackendChoice): Promise<string | undefined> {
  const { plugin } = chosen
  const wanted = deviceOf(chosen)
  const { available, devices = [], ...probe } = await probeBackend(plugin)
  const reason = available ? undefined : (probe as { reason: string }).reason
  const device = devices.find((each) => each.device === wanted)
  if (wanted === undefined || devices.length === 0) return reason
  if (device === undefined) throw noSuchDevice(plugin.name, wanted, devices.map((each) => each.device), path)
  return device.available ? reason : device.reason ?? reason ?? 'it is not available'
}

function noSuchDevice(backend: string, device: string, devices: readonly string[], path: string | undefined): TenonError {
  const close = nearest(device, devices)
  const problem = `is '${device}', which is no device of the backend '${backend}' as it was passed`
  const remedy = `${close === undefined ? '' : `Did you mean '${close}'? `}It has: ${devices.join(', ')}`
  return path === undefined ? new InvalidOptionError({ where: `the backend '${backend}'`, option: 'device', problem, remedy }) : new InvalidDeploymentError({ path: `${path}.device`, problem, remedy })
}

/** Each backend with each of its devices, unless a device was named. */
export async function expand(choice: BackendChoice): Promise<{ candidates: Candidate[]; passedOver: PassedOver[] }> {
  const candidates: Candidate[] = []
  const passedOver: PassedOver[] = []
  for (const chosen of choice.candidates) {
    const probe = deviceOf(chosen) === undefined ? await probeBackend(chosen.plugin) : undefined
    const devices = probe?.available === true ? probe.devices.map(({ device }) => device) : []
    const several = devices.map((device) => ({ ...chosen, options: { ...chosen.options, device } }))
    for (const each of several.length > 1 ? several : [chosen]) {
      // Of a single device nothing need be said to the backend; it is named all the same.
      const candidate = several.length === 1 ? { ...named(several[0]!), options: chosen.options } : named(each)
      const reason = await whyNot(each, choice)
      if (reason === undefined) candidates.push(candidate)
      else passedOver.push({ candidate, reason })
    }
  }
  return { candidates, passedOver }
}
