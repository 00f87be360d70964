// Started by worker-threads.test.ts as a process of its own, since what it is about can bring a process down.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { onnx } from '../index.js'
import { doubling, floats, longWork } from './graphs.js'

const ignore = { emit: () => {} }
const open = async (graph = doubling) => {
  const backend = onnx({ binding: 'native', threads: 2 })
  return { backend, executable: await backend.compile(graph, {}, ignore) }
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
const tell = (message: unknown) => parentPort!.postMessage(message)

/** Runs many times and disposes of everything; gives the results of the last run. */
async function double(start: number): Promise<number[]> {
  const { backend, executable } = await open()
  let last: number[] = []
  for (let round = 0; round < 100; round++) {
    using y = (await executable.run({ x: floats(start, round) })).y!
    last = Array.from((await y.data()) as Float32Array)
    if (last[0] !== 2 * start || last[1] !== 2 * round) throw new Error(`round ${round} gave ${last}`)
  }
  await backend.dispose?.()
  return last
}

const works: Record<string, () => Promise<unknown>> = {
  double: () => double(3),
  /** Ends with a model open and an output in use. */
  forget: async () => (await (await open()).executable.run({ x: floats(1) })).y!.shape,
  /** Says that it runs, does so for minutes unless it is told to stop, and disposes of everything. */
  long: async () => {
    const { graph, feeds } = longWork(200)
    const { backend, executable } = await open(graph)
    const stopping = new AbortController()
    parentPort!.once('message', () => stopping.abort())
    tell('running')
    try {
      for (;;) (await executable.run(feeds, { signal: stopping.signal })).y![Symbol.dispose]()
    } catch (error) {
      await backend.dispose?.()
      return (error as { code?: string }).code
    }
  },
}

const start = (work: string) => new Worker(new URL(import.meta.url), { workerData: work })
const answer = async (worker: Worker) => {
  const [[value]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return value as unknown
}

const scenes: Record<string, () => Promise<unknown>> = {
  alone: () => double(3),
  'in a thread': () => answer(start('double')),
  'in its own threads': async () => {
    const backend = onnx({ binding: 'worker', threads: 1 })
    const executable = await backend.compile(doubling, {}, ignore)
    const made = Array.from((await (await executable.run({ x: floats(3, 99) })).y!.data()) as Float32Array)
    await backend.dispose?.()
    return made
  },
  together: () => Promise.all([answer(start('double')), answer(start('double')), double(4)]),
  'one after the other': async () => [await answer(start('double')), await answer(start('double')), await double(5)],
  stopped: async () => {
    const workers = [start('long'), start('long')]
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    const answers = workers.map(answer)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
    for (const worker of workers) worker.postMessage('stop')
    return [...(await Promise.all(answers)), await double(7)]
  },
  forgotten: async () => {
    await answer(start('forget'))
    await answer(start('forget'))
    // Threads of the library are asleep in it.
    const mapped = process.platform !== 'linux' || readFileSync('/proc/self/maps', 'utf8').includes('libonnxruntime')
    return [mapped, await double(8)]
  },
}

if (isMainThread) process.stdout.write(JSON.stringify(await scenes[process.argv[2]!]!()))
else tell(await works[workerData as string]!())
