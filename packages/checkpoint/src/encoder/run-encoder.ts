import { InvalidFileError, tensor, throwIfAborted, type Encoding, type Executable, type Graph, type RunOptions, type Tensor } from '@tenon/core'
import { groupByLength } from './batches.js'

/** What one run gave: a row for each of `indices`, which say the place of each row's encoding among those passed. */
export interface EncoderRun {
  readonly indices: readonly number[]
  /** Tokens of a row, padding included. */
  readonly length: number
  /** By the names of the graph's outputs, [rows, …]. Freed when the next run is asked for. */
  readonly outputs: Readonly<Record<string, Tensor>>
}

/** What an input holds for a run: the encodings of its rows, and the tokens of a row, padding included. */
export type Feed = (encodings: readonly Encoding[], length: number) => Tensor

export interface EncoderRunOptions extends RunOptions {
  /** Id of the token that pads. */
  readonly pad: number
  /** Most tokens in one run, padding included. */
  readonly batchTokens: number
  /** For the inputs beyond an encoder's own. */
  readonly feeds: Readonly<Record<string, Feed>>
}

/**
 * Runs encodings through an encoder, those of like length together, so that padding is hardly computed; the longest
 * first, so that memory is at its peak in the first run.
 * @throws AbortedError
 */
export async function* runEncoder(executable: Executable, encodings: readonly Encoding[], { pad, batchTokens, feeds: added, ...options }: EncoderRunOptions): AsyncGenerator<EncoderRun> {
  throwIfAborted(options.signal) // for no encodings, too
  for (const indices of groupByLength(encodings.map(({ ids }) => ids.length), batchTokens)) {
    throwIfAborted(options.signal)
    const { length, feeds } = feedsOf(executable, indices.map((index) => encodings[index]!), pad, added)
    const outputs = await executable.run(feeds, options)
    try {
      yield { indices, length, outputs }
    } finally {
      for (const output of Object.values(outputs)) output[Symbol.dispose]()
    }
  }
}

/** What each input of an encoder holds for a token, and for padding. */
const inputs: Readonly<Record<string, { token(encoding: Encoding, column: number): number; padding(pad: number): number }>> = {
  input_ids: { token: ({ ids }, column) => ids[column]!, padding: (pad) => pad },
  attention_mask: { token: () => 1, padding: () => 0 },
  token_type_ids: { token: ({ typeIds }, column) => typeIds[column]!, padding: () => 0 },
}

/** The encodings padded to the longest, as each input the graph has, int64, [rows, length]. */
function feedsOf(executable: Executable, encodings: readonly Encoding[], pad: number, added: Readonly<Record<string, Feed>>) {
  const length = Math.max(...encodings.map(({ ids }) => ids.length))
  const feed = (name: string) => {
    const { token, padding } = inputs[name]!
    const result = new BigInt64Array(encodings.length * length).fill(BigInt(padding(pad)))
    encodings.forEach((encoding, row) => {
      for (let column = 0; column < encoding.ids.length; column++) result[row * length + column] = BigInt(token(encoding, column))
    })
    return tensor('int64', [encodings.length, length], result)
  }
  return { length, feeds: Object.fromEntries(executable.inputs.map(({ name }) => [name, added[name]?.(encodings, length) ?? feed(name)])) }
}

/**
 * That encodings can feed the graph.
 * @throws InvalidFileError
 */
export function checkEncoderInputs(graph: Graph, reference: string, added: readonly string[] = []): void {
  const own = graph.inputs.filter(({ name }) => !added.includes(name))
  const unknown = own.find(({ name, dtype, shape }) => !Object.hasOwn(inputs, name) || dtype !== 'int64' || shape.length !== 2)
  if (unknown === undefined) return
  const { name, dtype, shape } = unknown
  throw new InvalidFileError({ path: reference, problem: `has a graph with the input '${name}', ${dtype} of rank ${shape.length}`, remedy: `Export it with the inputs ${Object.keys(inputs).join(', ')} only, int64, [batch, sequence]` })
}
