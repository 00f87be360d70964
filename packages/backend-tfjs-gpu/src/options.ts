import { checkOptions, InvalidOptionError } from '@tenon/core'
import { deviceNames, type DeviceName } from './devices.js'

/** What `tfjs()` takes. */
export interface TfjsPluginOptions {
  /**
   * Where to compute; the first that works here is used. `'gpu'` is @tensorflow/tfjs-node-gpu, `'native'` @tensorflow/tfjs-node,
   * `'wasm'` @tensorflow/tfjs-backend-wasm and `'cpu'` @tensorflow/tfjs-backend-cpu. All four in this order unless told.
   */
  readonly devices?: readonly DeviceName[]
  /** Loads a package of TensorFlow.js by its name: for programs that bundle it, or keep it elsewhere. `require` unless told. */
  readonly load?: (name: string) => unknown
  /**
   * Whether float32 products on the GPU may round to TF32, 10 bits, on Ampere and later. Not unless told, as in PyTorch. It is a setting
   * of the process, NVIDIA_TF32_OVERRIDE, which is left alone where the program has set it.
   */
  readonly tf32?: boolean
}

/** What one task may ask of the backend. */
export interface TfjsOptions {
  /** One of the plugin's devices, instead of the first that works. */
  readonly device?: DeviceName
}

export interface Settings {
  readonly devices: readonly DeviceName[]
  readonly load: ((name: string) => unknown) | undefined
  readonly tf32: boolean
}

/** @throws InvalidOptionError */
export function checkPluginOptions(options: TfjsPluginOptions): Settings {
  const where = 'tfjs()'
  checkOptions(where, options, ['devices', 'load', 'tf32'])
  const { devices = deviceNames, load, tf32 = false } = options
  if (!Array.isArray(devices) || devices.length === 0) throw new InvalidOptionError({ where, option: 'devices', problem: 'names no device', remedy: `Pass an array with some of: ${deviceNames.join(', ')}` })
  for (const device of devices) checkDevice(where, 'devices', device)
  if (load !== undefined && typeof load !== 'function') throw new InvalidOptionError({ where, option: 'load', problem: 'is no function', remedy: 'Pass (name) => import(name)' })
  if (typeof tf32 !== 'boolean') throw new InvalidOptionError({ where, option: 'tf32', problem: `is ${String(tf32)}`, remedy: 'Pass true or false' })
  return { devices: [...new Set(devices as DeviceName[])], load, tf32 }
}

/** @throws InvalidOptionError */
export function checkTaskOptions(options: TfjsOptions): TfjsOptions {
  const where = "the backend 'tfjs'"
  checkOptions(where, options, ['device'])
  if (options.device !== undefined) checkDevice(where, 'device', options.device)
  return options
}

function checkDevice(where: string, option: string, device: unknown): void {
  if (deviceNames.includes(device as DeviceName)) return
  throw new InvalidOptionError({ where, option, problem: `names '${String(device)}'`, remedy: `Choose among: ${deviceNames.join(', ')}` })
}
