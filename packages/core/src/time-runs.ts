import type { Executable } from './backend.js'
import type { HostTensor } from './tensor.js'

export interface Timing {
  /** The median of the runs after the first, which warms up. */
  readonly milliseconds: number
  readonly runs: number
}

/** Runs after the first: an odd number has a median, and five are enough to pass over one that was disturbed. */
const RUNS = 5

/** From here on a candidate has lost, and further runs would only cost time. */
const HOPELESS = 3

export interface TimeRunsOptions {
  readonly signal: AbortSignal
  /** No run begins that would probably end later, as `performance.now()` tells time. */
  readonly until: number
  /** What another has reached. */
  readonly toBeat?: number | undefined
}

/** Times runs until their outputs are at hand: a device may resolve a run before it has computed it. */
export async function timeRuns(executable: Executable, feeds: Readonly<Record<string, HostTensor>>, { signal, until, toBeat = Infinity }: TimeRunsOptions): Promise<Timing> {
  const once = async () => {
    const began = performance.now()
    const outputs = Object.values(await executable.run(feeds, { signal }))
    try {
      await Promise.all(outputs.map((output) => output.data()))
      return performance.now() - began
    } finally {
      for (const output of outputs) output[Symbol.dispose]()
    }
  }
  const first = await once()
  const times: number[] = []
  while (times.length < RUNS && performance.now() + (times.at(-1) ?? first) < until && (times[0] ?? 0) <= HOPELESS * toBeat) times.push(await once())
  return { milliseconds: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? first, runs: times.length }
}
