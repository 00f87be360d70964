import { orAborted, throwIfAborted, type Encoding } from '@tenon/core'
import type { Encoder } from './open-encoder.js'

/** Inputs tokenised at a time, as a number and in UTF-16 units, and windows run at a time: bound the memory of encodings. */
const MOST = { inputs: 64, units: 2 ** 18, windows: 64 }

/** Part of an input, as long as the model reads. */
export interface Window {
  /** Which input it is of. */
  readonly input: number
  /** Which window of its input. */
  readonly index: number
  readonly encoding: Encoding
  /** Its share of the input's length, for telling progress: those of all windows make up the whole. */
  readonly units: number
}

/**
 * Tokenises inputs of any length, some at a time, into the windows that overlap as their tokenizer was asked to.
 * @param lengths Of each input, in UTF-16 units.
 * @param encode The encodings of the inputs `[from, to)`, with their overflowing windows.
 * @throws AbortedError at once, even while a long text is tokenised.
 */
export async function* windowsOf(lengths: readonly number[], encode: (from: number, to: number) => Promise<readonly Encoding[]>, signal?: AbortSignal): AsyncGenerator<Window> {
  throwIfAborted(signal) // for no inputs, too
  for (const [from, to] of stretches(lengths)) {
    const encodings = await orAborted(encode(from, to), signal)
    for (const [at, encoding] of encodings.entries()) {
      const input = from + at
      const windows = encoding.ids.length === 0 ? [] : [encoding, ...encoding.overflowing] // a text may tokenise to nothing
      const until = (window: number) => Math.floor((lengths[input]! * window) / windows.length)
      yield* windows.map((window, index) => ({ input, index, encoding: window, units: until(index + 1) - until(index) }))
    }
  }
}

/** `[from, to)` of the inputs that are tokenised together. */
function* stretches(lengths: readonly number[]): Generator<readonly [number, number]> {
  for (let from = 0, to = 0; from < lengths.length; from = to) {
    for (let units = 0; to < lengths.length && to - from < MOST.inputs && (to === from || units + lengths[to]! <= MOST.units); to++) units += lengths[to]!
    yield [from, to]
  }
}

/** A window, and for each output asked for, what it holds for the window's tokens: [tokens, …], without padding. */
export interface WindowRun {
  readonly window: Window
  readonly values: readonly Float32Array[]
}

/**
 * Runs windows as they come, those of like length together; what is yielded holds until the next is asked for.
 * @param outputs Names of outputs, [batch, sequence, …] float32.
 * @throws AbortedError
 */
export async function* runWindows({ run }: Pick<Encoder, 'run'>, windows: AsyncIterable<Window>, outputs: readonly string[], signal?: AbortSignal): AsyncGenerator<WindowRun> {
  async function* runSome(some: readonly Window[]): AsyncGenerator<WindowRun> {
    for await (const { indices, length, outputs: made } of run(some.map(({ encoding }) => encoding), signal && { signal })) {
      const all = (await Promise.all(outputs.map((name) => made[name]!.data()))) as Float32Array[]
      for (const [row, at] of indices.entries()) {
        const window = some[at]!
        const values = all.map((data) => {
          const perToken = data.length / indices.length / length
          return data.subarray(row * length * perToken, (row * length + window.encoding.ids.length) * perToken)
        })
        yield { window, values }
      }
    }
  }

  let waiting: Window[] = []
  for await (const window of windows) {
    waiting.push(window)
    if (waiting.length < MOST.windows) continue
    yield* runSome(waiting)
    waiting = []
  }
  yield* runSome(waiting)
}
