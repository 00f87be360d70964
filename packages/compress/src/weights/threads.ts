import fs from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import { AbortedError, throwIfAborted } from '@tenon/core'
import { quantizer, type Job, type Outcome } from './quantizer.js'

/**
 * The program of a thread: the arithmetic's own source, and what passes jobs to it. `__name` is what some bundlers put around functions;
 * what others put there is not known in a thread, and jobs come back undone.
 */
const program = () => `
'use strict'
const { parentPort } = require('node:worker_threads')
const __name = (target) => target
let perform
try {
  perform = (${quantizer.toString()})({ fs: require('node:fs'), crc32: require('node:zlib').crc32 }).perform
} catch (error) {
  perform = () => { throw error }
}
parentPort.on('message', (job) => {
  try {
    const outcome = perform(job)
    parentPort.postMessage({ outcome }, outcome.parts.map((part) => part.buffer))
  } catch (error) {
    parentPort.postMessage({ problem: error instanceof Error ? error.message : String(error), job: error instanceof ReferenceError ? job : undefined })
  }
})
`

type Answer = { readonly outcome: Outcome } | { readonly problem: string; /** To be done elsewhere. */ readonly job: Job | undefined }

interface Task {
  readonly job: Job
  resolve(outcome: Outcome): void
  reject(error: Error): void
}

/** Work of fewer numbers than this takes less time than sending it away. */
const SMALL = 2 ** 17
/** How many threads are of use where they all read one disk and write another. */
const MOST = 8
/** Milliseconds after which threads without work end. */
const PATIENCE = 1000

let here: ReturnType<typeof quantizer> | undefined
const idle = new Set<Worker>()
const busy = new Map<Worker, Task>()
const waiting: Task[] = []
let ending: NodeJS.Timeout | undefined
/** A bundler rewrote the arithmetic so that threads cannot run it: it is done here, piece by piece. */
let alone = false

/**
 * Performs a job in another thread, or here where it is small. Bytes that it brings are given away.
 * @throws AbortedError before it has begun. What has begun is finished.
 */
export async function perform(job: Job, signal?: AbortSignal): Promise<Outcome> {
  throwIfAborted(signal)
  here ??= quantizer({ fs, crc32 })
  if (alone) await new Promise(setImmediate)
  if (alone || job.rows * job.columns < SMALL) return here.perform(job)
  return new Promise<Outcome>((resolve, reject) => {
    const leave = () => {
      const place = waiting.indexOf(task)
      if (place === -1) return
      waiting.splice(place, 1)
      reject(new AbortedError(signal?.reason))
    }
    const settled = () => signal?.removeEventListener('abort', leave)
    const task: Task = { job, resolve: (outcome) => (settled(), resolve(outcome)), reject: (error) => (settled(), reject(error)) }
    signal?.addEventListener('abort', leave, { once: true })
    waiting.push(task)
    assign()
  })
}

function assign(): void {
  clearTimeout(ending)
  while (waiting.length > 0) {
    const worker = idle.values().next().value ?? (busy.size < Math.min(availableParallelism(), MOST) ? start() : undefined)
    if (worker === undefined) return
    const task = waiting.shift()!
    idle.delete(worker)
    busy.set(worker, task)
    worker.ref()
    const { source } = task.job
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
    worker.postMessage(task.job, 'bytes' in source ? [source.bytes.buffer as ArrayBuffer] : [])
  }
  if (busy.size > 0) return
  ending = setTimeout(() => {
    for (const worker of idle) void worker.terminate()
    idle.clear()
  }, PATIENCE)
  ending.unref()
}

function start(): Worker {
  const worker = new Worker(program(), { eval: true })
  const gone = (error: Error) => {
    idle.delete(worker)
    const task = busy.get(worker)
    busy.delete(worker)
    task?.reject(error)
    assign()
  }
  worker.on('message', (answer: Answer) => {
    const task = busy.get(worker)!
    busy.delete(worker)
    idle.add(worker)
    worker.unref()
    if ('outcome' in answer) task.resolve(answer.outcome)
    else if (answer.job !== undefined) {
      alone = true
      perform(answer.job).then(task.resolve, task.reject)
    } else task.reject(new Error(answer.problem))
    assign()
  })
  worker.on('error', gone)
  worker.on('exit', (code) => gone(new Error(`a thread that quantises ended with code ${code}`)))
  return worker
}
