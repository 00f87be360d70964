import { AbortedError, BackendError, BackendUnavailableError, throwIfAborted, UnsupportedOpError, type Backend, type CompileContext, type Constant, type DataType, type Executable, type Graph } from '@tenon/core'
import { checkUpdates } from '@tenon/graph'
import { lower } from '@tenon/graph/passes'

import type { Binding } from './binding.js'
import { chooseBinding } from './choose-binding.js'
import type { DeviceSettings } from './devices.js'
import { OnnxExecutable } from './executable.js'
import { findInstallation } from './library.js'
import { checkPluginOptions, checkTaskOptions, type OnnxOptions, type OnnxPluginOptions, type Settings } from './options.js'
import { outputSizes } from './output-sizes.js'
import { divide } from './parts/divide.js'
import { keptParts, type Prepared } from './parts/kept-parts.js'
import { namesOf, prepareParts } from './parts/prepare-parts.js'
import { probe } from './probe.js'
import { proveDevice } from './prove-device.js'
import { supportsNode } from './supported-ops.js'

/**
 * Runs graphs on ONNX Runtime, through the library that onnxruntime-node ships: off the event loop, without copying
 * feeds, outputs or weights, and with runs that can be aborted.
 *
 * @example
 * const backend = onnx({ threads: 4 })
 * await using runtime = createRuntime({ plugins: [backend, bert(), embedding()] })
 *
 * @throws InvalidOptionError
 */
export function onnx(options: OnnxPluginOptions = {}): Backend<'onnx', OnnxOptions> {
  const settings = checkPluginOptions(options)
  const executables = new Set<OnnxExecutable>()
  /** Under way. The environment is not to go from under them. */
  const compiling = new Set<Promise<Executable>>()
  const proven = new Set<DeviceSettings>()
  let binding: Promise<Binding> | undefined
  let noticed = false

  const load = () => {
    binding ??= chooseBinding(settings).catch((error: unknown) => {
      binding = undefined // whatever was missing may have been installed by the next call
      throw error
    })
    return binding
  }

  const compile = async (graph: Graph, taskOptions: OnnxOptions, { emit, signal }: CompileContext): Promise<Executable> => {
    const { device, prepack } = checkTaskOptions(taskOptions)
    throwIfAborted(signal)
    const loaded = await load()
    if (!noticed) for (const notice of loaded.notices) emit({ type: 'notice', ...notice })
    noticed = true
    const chosen = await chooseDevice(settings, loaded, proven, device)
    if (chosen.passedOver !== undefined) emit({ type: 'notice', code: 'TENON_ONNX_DEVICE_FALLBACK', message: `'${graph.name}' runs on ${chosen.device.device}: ${chosen.passedOver}` })

    const isOnCpu = chosen.device.device === 'cpu'
    const sizes = graph.updates === undefined ? graph.outputs.map(() => undefined) : outputSizes(graph) // what updates its feeds is run step after step
    /** @param leaves Whether weights that were laid down to be run from there are. */
    const openSession = async (leaves: boolean, most: number, signal: AbortSignal | undefined) => {
      const kept = keptParts(graph, [loaded.kind, most, leaves])
      const open = async ({ parts, packsLater }: Prepared) => ({ parts, packsLater, session: await loaded.open(parts, { ...namesOf(graph), updates: updatesOf(graph), sizes, device: chosen.device, prepack: prepack ?? true }, signal) })
      const make = async () => {
        const lowered = lower({ name: 'onnx', supports: supportsNode }).apply(graph)
        checkTypes(lowered, loaded.kind)
        checkUpdates(graph)
        const inPlace = leaves ? leftInPlace(lowered, loaded.kind) : new Set<Constant>()
        const parts = await prepareParts(divide(lowered, most, undefined, inPlace), { temporaryFolder: settings.temporaryFolder, inPlace, signal })
        const made = { parts, packsLater: inPlace.size > 0 && Array.from(inPlace).every(isWhole) }
        kept?.write(made)
        return made
      }
      const before = kept?.read()
      return (before && (await open(before).catch(throwIfAbort))) ?? (await open(await make()))
    }
    const most = prepack !== false && isOnCpu ? loaded.mostParts : 1
    const { parts, packsLater, session } = await openSession(isOnCpu && prepack === undefined, most, signal)
    const pack = packsLater ? async (signal: AbortSignal) => (await openSession(false, most, signal)).session : undefined
    const executable = new OnnxExecutable(graph, session, {
      pack,
      onClose() {
        executables.delete(executable)
        emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes: 0 })
      },
    })
    executables.add(executable)
    emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes: parts.reduce((sum, { model }) => sum + model.weightBytes, 0) })
    return executable
  }

  return {
    kind: 'backend',
    version: 'v1',
    name: 'onnx',
    probe: () => probe(settings, load),
    supports: supportsNode,
    check: (options) => void checkTaskOptions(options),
    prepare: () => void load().catch(() => undefined),
    compile(graph, taskOptions, context) {
      const made = compile(graph, taskOptions, context)
      compiling.add(made)
      const forget = () => void compiling.delete(made)
      made.then(forget, forget)
      return made
    },
    async dispose() {
      await Promise.allSettled(compiling)
      await Promise.all(Array.from(executables, (executable) => executable[Symbol.asyncDispose]()))
      const loaded = await binding?.catch(() => undefined)
      binding = undefined
      proven.clear()
      await loaded?.close()
    },
  }
}

/** Weights that were laid down to be run from where they lie. In workers, where one thing is done at a time, what is to be packed is packed at once. */
function leftInPlace({ constants }: Graph, binding: Binding['kind']): ReadonlySet<Constant> {
  const laid = Array.from(constants.values()).filter(({ file }) => file?.inPlace === true)
  return new Set(binding === 'worker' && laid.every(isWhole) ? [] : laid)
}

/** Sums of whole numbers are the same in any order. */
const isWhole = ({ dtype }: Constant): boolean => dtype === 'int8' || dtype === 'uint8'

/** What was kept and cannot be loaded is made again. */
function throwIfAbort(error: unknown): undefined {
  if (AbortedError.isInstance(error)) throw error
}

/** For each output, the index of the input it takes the place of. */
function updatesOf(graph: Graph): readonly (number | undefined)[] {
  return graph.outputs.map(({ name }) => {
    const updated = graph.updates?.get(name)
    return updated === undefined ? undefined : graph.inputs.findIndex((input) => input.name === updated)
  })
}

/** @throws BackendUnavailableError when the device, or every device, is missing. */
async function chooseDevice({ devices, onnxruntime }: Settings, binding: Binding, proven: Set<DeviceSettings>, wanted: string | undefined): Promise<{ device: DeviceSettings; passedOver: string | undefined }> {
  const { library } = findInstallation(onnxruntime)
  const missing: string[] = []
  for (const device of devices) {
    if (wanted !== undefined && device.device !== wanted) continue
    const { available, reason } = proven.has(device) ? { available: true } : await proveDevice(binding, device, library)
    if (available) proven.add(device)
    if (available) return { device, passedOver: missing.join('; ') || undefined }
    missing.push(`${device.device}: ${reason}`)
  }
  throw new BackendUnavailableError({
    backend: 'onnx',
    reason: missing.length > 0 ? missing.join('; ') : `the device '${wanted}' is not among those of onnx()`,
    remedy: missing.length > 0 ? "Add 'cpu' to the devices to fall back on it" : `Add it to the devices, or ask for one of: ${devices.map(({ device }) => device).join(', ')}`,
  })
}

/** What onnxruntime-node's own binding cannot pass: bfloat16 fails, and 4-bit outputs end the process. */
const notPassedByWorkers: ReadonlySet<DataType> = new Set(['bfloat16', 'int4', 'uint4'])

/** @throws UnsupportedOpError, BackendError where an input or output is of a type that cannot be passed. */
function checkTypes(graph: Graph, binding: Binding['kind']): void {
  for (const { name, dtype } of [...graph.inputs, ...graph.outputs]) {
    if (dtype === 'string') throw new BackendError({ backend: 'onnx', doing: `compiling '${graph.name}'`, problem: `'${name}' holds strings, which no tensor of Tenon's does`, remedy: 'Cut the graph before or after the string operators' })
    if (binding === 'native' || !notPassedByWorkers.has(dtype)) continue
    const node = graph.nodes.find(({ inputs, outputs }) => inputs.includes(name) || outputs.includes(name))
    throw new UnsupportedOpError({ op: node?.op ?? '', node: node?.outputs[0] ?? name, backend: 'onnx', reason: `'${name}' is ${dtype}, which onnxruntime-node's own binding does not pass, and the native binding does` })
  }
}
