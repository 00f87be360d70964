import { setTimeout as later } from 'node:timers/promises'

import type { NoticeEvent } from '@tenon/core'

import type { Binding, Part, Session, SessionSettings } from '../binding.js'
import type { ThreadSettings } from '../threads.js'
import { bindApi, type OrtLibrary } from './api.js'
import { Environment } from './environment.js'
import { loadKoffi } from './load-koffi.js'
import { loadForGood } from './load-for-good.js'
import { NativeSession } from './native-session.js'
import { withoutTelemetry } from './no-telemetry.js'
import { selfTest } from './self-test.js'

/** Of waiting for another thread, in milliseconds. */
const longestWait = 1000

/**
 * The environment. While another thread's last use of the library ends, its logger is still there, and ONNX Runtime refuses a second
 * one: a moment later it is gone.
 */
async function acquire(library: OrtLibrary, settings: ThreadSettings): Promise<Environment> {
  for (let wait = 5; ; wait *= 2) {
    try {
      return await Environment.acquire(library, settings)
    } catch (error) {
      if (wait > longestWait || !String(error).includes('Only one instance of LoggingManager')) throw error
      await later(wait)
    }
  }
}

/** The C API of ONNX Runtime's shared library, called from this thread and run on others. */
export class NativeBinding implements Binding {
  /**
   * Binds the library and proves it on a small model.
   * @throws Error when koffi or the library cannot be loaded, or the self-test fails.
   */
  static async create(libraryPath: string, settings: ThreadSettings): Promise<NativeBinding> {
    const koffi = await loadKoffi()
    withoutTelemetry(koffi)
    await loadForGood(koffi, libraryPath)
    const environment = await acquire(bindApi(koffi, libraryPath), settings)
    const binding = new NativeBinding(environment, settings)
    try {
      await selfTest(binding).catch(async (error: unknown) => {
        if (!environment.sharesThreads || !String(error).includes('CreateEnvWithGlobalThreadPools')) throw error
        environment.sharesThreads = false
        await selfTest(binding)
      })
    } catch (error) {
      environment.release()
      throw error
    }
    return binding
  }

  readonly kind = 'native'
  readonly reason = 'the C API of its shared library passed a self-test'
  readonly #environment: Environment

  readonly #asked: ThreadSettings

  private constructor(environment: Environment, asked: ThreadSettings) {
    this.#environment = environment
    this.#asked = asked
  }

  get version(): string {
    return this.#environment.library.version
  }

  get threads(): string {
    const { sharesThreads, settings } = this.#environment
    return sharesThreads ? `${settings.threads}, shared by all sessions` : `${settings.threads} for each session`
  }

  get notices(): readonly Omit<NoticeEvent, 'type'>[] {
    const { sharesThreads, settings } = this.#environment
    if (!sharesThreads) {
      return [{ code: 'TENON_ONNX_OWN_THREADS', message: `Something else in this process started ONNX Runtime first, without shared threads: each session has ${settings.threads} of its own` }]
    }
    if (settings.threads === this.#asked.threads && settings.spinning === this.#asked.spinning) return []
    return [{ code: 'TENON_ONNX_THREADS_SET_BEFORE', message: `Another onnx() in this process set the threads first: all sessions share ${settings.threads}, with spinning ${settings.spinning ? 'on' : 'off'}` }]
  }

  /** One for each thread that may load; sessions with threads of their own would compete for the processors. */
  get mostParts(): number {
    return this.#environment.sharesThreads ? this.#environment.gate.capacity : 1
  }

  open(parts: readonly Part[], settings: SessionSettings, signal?: AbortSignal): Promise<Session> {
    return NativeSession.open(this.#environment, parts, settings, signal)
  }

  async close(): Promise<void> {
    this.#environment.release()
  }
}
