import { tensor, type Backend, type Executable, type Graph } from '@tenon/core'
import { describe, type Description } from '../errors/describe.js'
import { MINILM, type Architecture } from './made-up-model.js'

/** How fast a device computes one encoder layer of all-MiniLM-L6-v2's size in float32. */
export type Speed =
  | {
      readonly ok: true
      /** From nothing to the first result. */
      readonly loadMilliseconds: number
      /** One text of 128 tokens. */
      readonly milliseconds: number
      /** Thousand million float operations a second, in the size that it is fastest in. */
      readonly gigaflops: number
    }
  | { readonly ok: false; readonly error: Description }

/** Tokens of a text. */
const SEQUENCE = 128

/** Texts at once: how many were run, the next size is tried as long as the last took no longer than this. */
const BATCHES = [1, 8, 64] as const
const QUICK = 60

const RUNS = 5
/** A slow device is timed by fewer. */
const ENOUGH = 1000
/** For one device, its loading included: TensorFlow on a GPU takes tens of seconds to begin. */
const PATIENCE = 60_000

/** Operations of a layer: the products with the weights and those of attention, an addition and a multiplication each. */
function operations(batch: number, { hidden, intermediate }: Architecture): number {
  const tokens = batch * SEQUENCE
  return 2 * tokens * (4 * hidden ** 2 + 2 * hidden * intermediate) + 4 * tokens * SEQUENCE * hidden
}

/** @throws AbortedError, and nothing else: what a device fails with is its result. */
export async function measure(backend: Backend<string, { readonly device?: string }>, device: string | undefined, graph: Graph, stop: AbortSignal): Promise<Speed> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(PATIENCE)])
  try {
    const began = performance.now()
    await using executable = await backend.compile(graph, device === undefined ? {} : { device }, { emit() {}, signal })
    let first = await run(executable, 1, signal)
    const loadMilliseconds = performance.now() - began
    const times: number[] = []
    for (const batch of BATCHES) {
      if ((times.at(-1) ?? 0) > QUICK) break
      if (batch > 1) first = await run(executable, batch, signal)
      times.push(await median(executable, batch, first, signal))
    }
    const rates = times.map((milliseconds, index) => operations(BATCHES[index]!, MINILM) / milliseconds / 1e6)
    return { ok: true, loadMilliseconds, milliseconds: times[0]!, gigaflops: Math.max(...rates) }
  } catch (error) {
    stop.throwIfAborted()
    if (signal.aborted) return { ok: false, error: { code: 'TENON_TOO_SLOW', message: `One layer took longer than ${PATIENCE / 1000} s`, remedy: 'Choose another device' } }
    return { ok: false, error: describe(error) }
  }
}

/** Of some runs after the first, which warms up, unless that says enough. */
async function median(executable: Executable, batch: number, first: number, signal: AbortSignal): Promise<number> {
  if (first > ENOUGH) return first
  const times: number[] = []
  for (let spent = 0; times.length < RUNS && spent < ENOUGH; spent += times.at(-1)!) times.push(await run(executable, batch, signal))
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}

/** Until the result is at hand: a device may say sooner that it has been told what to do. */
async function run(executable: Executable, batch: number, signal: AbortSignal): Promise<number> {
  const shape = [batch, SEQUENCE]
  const filled = (value: bigint) => tensor('int64', shape, new BigInt64Array(batch * SEQUENCE).fill(value))
  const values: Readonly<Record<string, bigint>> = { input_ids: 7n, attention_mask: 1n }
  const began = performance.now()
  const outputs = Object.values(await executable.run(Object.fromEntries(executable.inputs.map(({ name }) => [name, filled(values[name] ?? 0n)])), { signal }))
  await Promise.all(outputs.map((output) => output.data()))
  const milliseconds = performance.now() - began
  for (const output of outputs) output[Symbol.dispose]()
  return milliseconds
}
