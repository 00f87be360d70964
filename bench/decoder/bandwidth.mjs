import { Worker } from 'node:worker_threads'
import { median } from '../statistics.mjs'

const BYTES = 256 * 2 ** 20
const TIMES = 9

/** Every thread looks for a byte that its buffer does not hold: all of it is read, and little else done. */
const scan = `
  const { parentPort, workerData } = require('node:worker_threads')
  const buffer = Buffer.alloc(workerData, 1)
  parentPort.on('message', () => {
    if (buffer.indexOf(2) !== -1) throw new Error('the buffer was changed')
    parentPort.postMessage('done')
  })
  parentPort.postMessage('ready')`

/** Bytes a second that this many threads read from memory together. */
export async function readBandwidth(threads) {
  const workers = Array.from({ length: threads }, () => new Worker(scan, { eval: true, workerData: BYTES }))
  const answers = () => Promise.all(workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))))
  await answers()
  const times = []
  for (let time = 0; time < TIMES; time++) {
    const began = performance.now()
    const done = answers()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
    for (const worker of workers) worker.postMessage('scan')
    await done
    times.push((performance.now() - began) / 1000)
  }
  await Promise.all(workers.map((worker) => worker.terminate()))
  return (threads * BYTES) / median(times)
}
