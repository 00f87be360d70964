import { BackendUnavailableError, throwIfAborted, type Backend, type CompileContext, type Executable, type Graph, type Probe } from '@tenon/core'
import { flavours, type DeviceName } from './devices.js'
import { TfjsExecutable, type Place } from './executable.js'
import { Line } from './line.js'
import { loadDevice, Unavailable, type Notice } from './load.js'
import { lowered, supportsNode } from './lowering.js'
import { checkPluginOptions, checkTaskOptions, type Settings, type TfjsOptions, type TfjsPluginOptions } from './options.js'
import { planOf } from './plan.js'
import { probe } from './probe.js'
import { Weights } from './weights.js'

export interface ReadyPlace extends Place {
  readonly notices: readonly Notice[]
}

/**
 * Runs graphs on TensorFlow.js, kernel by kernel: natively on an NVIDIA GPU or the CPU, in WebAssembly, or in plain JavaScript.
 * Its packages are optional peers: install those of the devices you want.
 *
 * @example
 * const backend = tfjs({ devices: ['gpu', 'wasm'] })
 * await using runtime = createRuntime({ plugins: [backend, bert(), embedding()] })
 *
 * @throws InvalidOptionError
 */
export function tfjs(options: TfjsPluginOptions = {}): Backend<'tfjs', TfjsOptions> {
  const settings = checkPluginOptions(options)
  const executables = new Set<TfjsExecutable>()
  const places = new Map<DeviceName, Promise<ReadyPlace>>()
  const noticed = new Set<ReadyPlace>()

  const placeOf = (name: DeviceName): Promise<ReadyPlace> => {
    const known = places.get(name)
    if (known !== undefined) return known
    const loading = loadDevice(name, settings).then(({ device, notices }) => ({ device, notices, weights: new Weights(device), line: new Line() }))
    places.set(name, loading)
    loading.catch(() => places.delete(name)) // whatever was missing may have been installed by the next call
    return loading
  }

  const compile = async (graph: Graph, taskOptions: TfjsOptions, { emit, signal }: CompileContext): Promise<Executable> => {
    const { device: wanted } = checkTaskOptions(taskOptions)
    throwIfAborted(signal)
    const plan = planOf(lowered(graph))
    const { name, place, passedOver } = await choosePlace(settings, wanted, placeOf)
    if (!noticed.has(place)) for (const notice of place.notices) emit({ type: 'notice', ...notice })
    noticed.add(place)
    if (passedOver.length > 0) emit({ type: 'notice', code: 'TENON_TFJS_DEVICE_FALLBACK', message: `'${graph.name}' runs on ${name}: ${passedOver.join('; ')}` })
    const bytes = plan.constants.reduce((sum, { constant }) => sum + constant.byteLength, 0)
    const executable = await TfjsExecutable.create(graph, plan, place, signal, () => {
      executables.delete(executable)
      emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes: 0 })
    })
    executables.add(executable)
    emit({ type: 'memory', name: `weights of '${graph.name}'`, bytes })
    return executable
  }

  return {
    kind: 'backend',
    version: 'v1',
    name: 'tfjs',
    probe: (): Promise<Probe> => probe(settings, placeOf),
    supports: supportsNode,
    check: (options) => void checkTaskOptions(options),
    prepare: () => void choosePlace(settings, undefined, placeOf).catch(() => undefined),
    compile,
    async dispose() {
      await Promise.all(Array.from(executables, (executable) => executable[Symbol.asyncDispose]()))
      places.clear()
    },
  }
}

/** @throws BackendUnavailableError when the device, or every device, is missing. */
async function choosePlace({ devices }: Settings, wanted: DeviceName | undefined, placeOf: (name: DeviceName) => Promise<ReadyPlace>): Promise<{ name: DeviceName; place: ReadyPlace; passedOver: readonly string[] }> {
  const passedOver: string[] = []
  for (const name of devices) {
    if (wanted !== undefined && name !== wanted) continue
    try {
      return { name, place: await placeOf(name), passedOver }
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      passedOver.push(`${name}: ${error.message}`)
    }
  }
  throw new BackendUnavailableError({
    backend: 'tfjs',
    reason: passedOver.length > 0 ? passedOver.join('; ') : `the device '${wanted}' is not among those of tfjs()`,
    remedy: passedOver.length > 0 ? `Follow one of these, or add 'wasm' to the devices (npm install ${flavours.wasm.packages.join(' ')})` : `Add it to the devices, or ask for one of: ${devices.join(', ')}`,
  })
}
