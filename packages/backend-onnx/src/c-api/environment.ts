import { Gate } from '../gate.js'
import type { ThreadSettings } from '../threads.js'
import { out, type OrtLibrary, type Pointer } from './api.js'
import { FeedValues } from './feed-values.js'

/** Only fatal errors are logged: the library prints to stderr, and what failed comes back as a status anyway. */
export const logFatal = 4
/** OrtDeviceAllocator and OrtMemTypeDefault. */
const deviceAllocator = 0
const defaultMemory = 0
/** libuv's default, on whose threads the runs wait. */
const libuvThreads = 4

/**
 * The one OrtEnv of the process, with one pool of threads that all sessions share. ONNX Runtime itself keeps a single
 * environment, so a second plugin gets the first one's.
 */
export class Environment {
  static #current: { readonly environment: Promise<Environment>; users: number } | undefined

  /** @throws OrtError */
  static async acquire(library: OrtLibrary, settings: ThreadSettings): Promise<Environment> {
    const current = (Environment.#current ??= { environment: Environment.#create(library, settings), users: 0 })
    current.users++
    try {
      return await current.environment
    } catch (error) {
      if (Environment.#current === current) Environment.#current = undefined
      throw error
    }
  }

  /** On another thread: it takes a fiftieth of a second, in which this one has graphs to build. */
  static async #create(library: OrtLibrary, settings: ThreadSettings): Promise<Environment> {
    const { api } = library
    const threading = out((place) => api.CreateThreadingOptions(place))
    try {
      // The thread that calls Run computes too, so the pool holds one thread less than this number.
      api.SetGlobalIntraOpNumThreads(threading, settings.threads)
      // Nodes run one after another; this pool would stay idle.
      api.SetGlobalInterOpNumThreads(threading, 1)
      api.SetGlobalSpinControl(threading, settings.spinning ? 1 : 0)
      const place = new BigUint64Array(1)
      await api.CreateEnvWithGlobalThreadPools.async(logFatal, 'tenon', threading, place)
      return new Environment(library, settings, place[0]!)
    } finally {
      api.ReleaseThreadingOptions(threading)
    }
  }

  readonly library: OrtLibrary
  readonly settings: ThreadSettings
  readonly handle: Pointer
  readonly memoryInfo: Pointer
  readonly feeds: FeedValues
  /** Bounds the native calls under way: each holds a thread of libuv's pool, which files and name look-ups need too. */
  readonly gate: Gate
  /**
   * False when another user of the library, such as onnxruntime-node itself, made the environment before and without a
   * shared pool: each session then has threads of its own.
   */
  sharesThreads = true
  #released = false

  private constructor(library: OrtLibrary, settings: ThreadSettings, handle: Pointer) {
    const { api } = library
    this.library = library
    this.settings = settings
    this.handle = handle
    this.memoryInfo = out((place) => api.CreateCpuMemoryInfo(deviceAllocator, defaultMemory, place))
    this.feeds = new FeedValues(library, this.memoryInfo)
    const pool = Number(process.env['UV_THREADPOOL_SIZE']) || libuvThreads
    this.gate = new Gate(Math.max(1, Math.min(settings.threads, pool - 1)))
  }

  /** Called once for each `acquire`, after its sessions are closed. */
  release(): void {
    const current = Environment.#current
    if (current === undefined || this.#released || --current.users > 0) return
    this.#released = true
    Environment.#current = undefined
    this.library.api.ReleaseMemoryInfo(this.memoryInfo)
    this.library.api.ReleaseEnv(this.handle)
  }
}
