import { checkOptions, InvalidOptionError } from '@tenon/core'

import { physicalCores } from './cpu.js'
import { checkDevices, type DeviceName, type DeviceOption, type DeviceSettings } from './devices.js'
import type { OnnxruntimeLocation } from './library.js'

/** What `onnx()` takes. */
export interface OnnxPluginOptions {
  /** Tried in order; the first that is available is used. `['cpu']` unless told. */
  readonly devices?: readonly DeviceOption[]
  /** Threads for the computations of all sessions together. The physical cores unless told. */
  readonly threads?: number
  /**
   * Whether idle threads watch for work for a moment before they sleep: quicker from operator to operator, at the cost
   * of a busy core after each run. On unless told.
   */
  readonly spinning?: boolean
  /**
   * How ONNX Runtime is reached: `'native'` through its C API, `'worker'` through onnxruntime-node in worker threads,
   * `'auto'` (the default) natively where that works and otherwise in workers, with a notice.
   */
  readonly binding?: 'auto' | 'native' | 'worker'
  /** Where ONNX Runtime is, when not where npm installed onnxruntime-node. */
  readonly onnxruntime?: OnnxruntimeLocation
  /** Where weights that are computed, rather than read from a file, are written while a model is loaded. The system's unless told. */
  readonly temporaryFolder?: string
}

/** What one task may ask of the backend. */
export interface OnnxOptions {
  /** One of the plugin's devices, instead of the first that is available. */
  readonly device?: DeviceName
  /**
   * Whether weights are rearranged for the CPU's kernels while the model is loaded. Unless told, all are but those that were laid down
   * to be run from their file: of these, whole numbers are rearranged once a thousand tokens are to be read, and floats are not. Off,
   * all stay in their files: less than half the load time and memory, and runs a tenth to a fifth slower, those of a few rows up to
   * twice as long. For float32 weights only: block-quantised products need it.
   */
  readonly prepack?: boolean
}

export interface Settings {
  readonly devices: readonly DeviceSettings[]
  readonly threads: number
  readonly spinning: boolean
  readonly binding: 'auto' | 'native' | 'worker'
  readonly onnxruntime: OnnxruntimeLocation
  readonly temporaryFolder: string | undefined
}

const bindings = ['auto', 'native', 'worker']

/** @throws InvalidOptionError */
export function checkPluginOptions(options: OnnxPluginOptions): Settings {
  checkOptions('onnx()', options, ['devices', 'threads', 'spinning', 'binding', 'onnxruntime', 'temporaryFolder'])
  const { devices = ['cpu'], threads = physicalCores(), spinning = true, binding = 'auto', onnxruntime = {}, temporaryFolder } = options
  checkOptions("'onnxruntime' in onnx()", onnxruntime, ['package', 'library'])
  if (!Number.isInteger(threads) || threads < 1) {
    throw new InvalidOptionError({ where: 'onnx()', option: 'threads', problem: `is ${threads}`, remedy: 'Pass a whole number from 1 up' })
  }
  if (!bindings.includes(binding)) {
    throw new InvalidOptionError({ where: 'onnx()', option: 'binding', problem: `is '${String(binding)}'`, remedy: `Choose among: ${bindings.join(', ')}` })
  }
  return { devices: checkDevices(devices), threads, spinning, binding, onnxruntime, temporaryFolder }
}

/** @throws InvalidOptionError */
export function checkTaskOptions(options: OnnxOptions): OnnxOptions {
  checkOptions("the backend 'onnx'", options, ['device', 'prepack'])
  return options
}
