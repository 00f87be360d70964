import { Worker } from 'node:worker_threads'

import type { WorkerAnswer, WorkerQuestion, WorkerReply } from './protocol.js'
import { workerSource } from './worker-source.js'

interface Waiting {
  resolve(answer: WorkerAnswer): void
  reject(error: Error): void
}

/** A thread with onnxruntime-node in it, asked one thing at a time or several. */
export class OrtWorker {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #count = 0
  #onIdle: (() => void) | undefined

  /** @param entry what `require` takes to load onnxruntime-node. */
  constructor(entry: string) {
    this.#worker = new Worker(workerSource, { eval: true, workerData: entry })
    this.#worker.on('message', (reply: WorkerReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      this.#rest()
      if ('error' in reply) waiting?.reject(new Error(reply.error))
      else waiting?.resolve(reply)
    })
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the worker thread ended with code ${code}`)))
    this.#rest()
  }

  ask(question: WorkerQuestion): Promise<WorkerAnswer> {
    const id = this.#count++
    const settled = new Promise<WorkerAnswer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
    this.#worker.postMessage({ ...question, id })
    return settled
  }

  /**
   * Ends the thread once nothing is under way in it: a thread that is ended inside onnxruntime-node's `run` takes the
   * whole process with it, by a C++ exception that nobody catches.
   */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#rest()
    })
    await this.#worker.terminate()
  }

  /** Idle workers do not keep the process alive. */
  #rest(): void {
    if (this.#waiting.size > 0) return
    this.#worker.unref()
    this.#onIdle?.()
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#rest()
  }
}
