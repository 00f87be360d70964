import { createRequire } from 'node:module'
import { Device } from './device.js'
import { flavours, type DeviceName } from './devices.js'
import { setGpuEnvironment } from './gpu-environment.js'
import { restoreOldUtilities } from './old-utilities.js'
import type { Settings } from './options.js'
import type { Engine, TensorFlow, TensorFlowBackend } from './tensorflow.js'

/** Why a device cannot be used, and what to do about it. */
export class Unavailable extends Error {
  constructor(
    readonly reason: string,
    readonly remedy: string,
    cause?: unknown,
  ) {
    super(`${reason}; ${remedy}`, cause === undefined ? undefined : { cause })
  }
}

export interface Notice {
  readonly code: string
  readonly message: string
}

export interface Loaded {
  readonly device: Device
  /** What was done to make it work, to be said aloud. */
  readonly notices: readonly Notice[]
}

type Load = (name: string) => unknown

/**
 * Loads a device's packages and starts its backend.
 * @throws Unavailable
 */
export async function loadDevice(name: DeviceName, { load, tf32 }: Pick<Settings, 'load' | 'tf32'>): Promise<Loaded> {
  if (name === 'gpu') setGpuEnvironment({ tf32 })
  const { backend, packages } = flavours[name]
  const notices = backend === 'tensorflow' ? restored() : []
  const modules: unknown[] = []
  for (const each of packages) modules.push(await loadPackage(each, packages, load ?? createRequire(import.meta.url)))
  const tf = coreOf(modules[0], packages[0]!)
  const started = await start(tf.engine(), backend, packages.at(-1)!)
  if (name === 'gpu' && (started as NativeBackend).isUsingGpuDevice === false) {
    throw new Unavailable('TensorFlow sees no GPU here, or lacks its libraries', "install NVIDIA's driver, and CUDA and cuDNN in the versions that its libtensorflow was built for (11.2 and 8.1 for the 2.9 that npm fetches), or use the device 'native'")
  }
  if (backend === 'cpu') (started as { firstUse?: boolean }).firstUse = false // or it prints an advertisement
  try {
    return { device: new Device(tf, backend, started), notices }
  } catch (error) {
    throw new Unavailable(words(error), 'install version 4.22.0 of it', error)
  }
}

interface NativeBackend extends TensorFlowBackend {
  readonly isUsingGpuDevice?: boolean
}

function restored(): readonly Notice[] {
  const names = restoreOldUtilities()
  return names.length === 0 ? [] : [{ code: 'TENON_TFJS_NODE_UTILITIES', message: `This Node has no util.${names.join(', util.')} any more, which @tensorflow/tfjs-node 4.22 calls: they were put back` }]
}

async function loadPackage(name: string, needed: readonly string[], load: Load): Promise<unknown> {
  try {
    return await load(name)
  } catch (error) {
    const text = words(error)
    if (text.includes(`'${name}'`) && /cannot find|not found/i.test(text)) throw new Unavailable(`the package ${name} is not installed`, `run: npm install ${needed.join(' ')}`, error)
    // Its own message, when the install script did not run, is of this form.
    if (/native addon module|tfjs_binding/.test(text)) {
      throw new Unavailable(`${name} is installed without its native library`, `let its install script fetch it (npm rebuild ${name}; with pnpm, name it in onlyBuiltDependencies first)`, error)
    }
    throw new Unavailable(`${name} cannot be loaded: ${text.split('\n')[0]}`, 'install a version that has a build for this platform and this Node, or leave the device out', error)
  }
}

function coreOf(module: unknown, name: string): TensorFlow {
  const tf = (module as { default?: unknown }).default !== undefined && typeof (module as Partial<TensorFlow>).engine !== 'function' ? (module as { default: unknown }).default : module
  if (typeof (tf as Partial<TensorFlow>).engine === 'function' && typeof (tf as Partial<TensorFlow>).getKernel === 'function') return tf as TensorFlow
  throw new Unavailable(`what was loaded as ${name} is not TensorFlow.js`, 'let load() return the package, or a promise of it')
}

/** Backends that are being started, by their engine: it has one current backend, and takes it from whoever starts another meanwhile. */
const starting = new WeakMap<Engine, Promise<unknown>>()

function start(engine: Engine, backend: string, from: string): Promise<TensorFlowBackend> {
  const started = (starting.get(engine) ?? Promise.resolve()).then(() => startNow(engine, backend, from))
  starting.set(engine, started.catch(() => undefined))
  return started
}

/** The backend, started, with the program's own choice of backend left as it was. */
async function startNow(engine: Engine, backend: string, from: string): Promise<TensorFlowBackend> {
  if (engine.registryFactory[backend] === undefined) throw new Unavailable(`${from} registered no backend '${backend}' with the TensorFlow.js it shares a process with`, 'install versions of @tensorflow packages that belong together')
  const before = engine.backendName
  try {
    const works = await engine.setBackend(backend)
    const started = engine.findBackend(backend)
    if (!works || started === null) throw new Error('it did not start')
    return started
  } catch (error) {
    throw new Unavailable(`the backend '${backend}' of ${from} does not start: ${words(error)}`, 'see the cause, or leave the device out', error)
  } finally {
    if (before !== undefined && before !== null && before !== backend) await engine.setBackend(before)
  }
}

const words = (error: unknown) => (error instanceof Error ? error.message : String(error))
