import type { NoticeEvent } from '@tenon/core'

import type { Binding, Part, Session, SessionSettings } from '../binding.js'
import { withoutTelemetry } from '../c-api/no-telemetry.js'
import { Gate } from '../gate.js'
import { OrtWorker } from './ort-worker.js'
import { WorkerSession, type WorkerSettings } from './worker-session.js'

interface Choice {
  readonly reason: string
  /** Whether the C API was wanted and could not be had. */
  readonly fallback: boolean
}

/** onnxruntime-node's own binding, whose `run` blocks the thread it is called on, in threads where that does not matter. */
export class WorkerBinding implements Binding {
  /** @throws Error when the package cannot be loaded. */
  static async create(settings: Omit<WorkerSettings, 'gate'>, choice: Choice): Promise<WorkerBinding> {
    withoutTelemetry()
    const worker = new OrtWorker(settings.entry)
    try {
      const { version = 'unknown' } = await worker.ask({ kind: 'load' })
      return new WorkerBinding({ ...settings, gate: new Gate(1) }, choice, version)
    } finally {
      await worker.end()
    }
  }

  readonly kind = 'worker'
  readonly mostParts = 1
  readonly reason: string
  readonly version: string
  readonly threads: string
  readonly notices: readonly Omit<NoticeEvent, 'type'>[]
  readonly #settings: WorkerSettings

  private constructor(settings: WorkerSettings, { reason, fallback }: Choice, version: string) {
    this.#settings = settings
    this.reason = reason
    this.version = version
    this.threads = `${settings.threads} for each session, of which one runs at a time`
    this.notices = fallback
      ? [{ code: 'TENON_ONNX_WORKER_BINDING', message: `ONNX Runtime runs in worker threads, where outputs are copied and aborted runs end out of sight: ${reason}` }]
      : []
  }

  open(parts: readonly Part[], settings: SessionSettings, signal?: AbortSignal): Promise<Session> {
    return WorkerSession.open(this.#settings, parts[0]!.model, settings, signal)
  }

  async close(): Promise<void> {}
}
