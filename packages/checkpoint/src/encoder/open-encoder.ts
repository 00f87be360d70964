import { InvalidOptionError, type Checkpoint, type Encoding, type Graph, type OpenedModel, type RunOptions, type TaskContext, type TextOrPair, type Tokenizer } from '@tenon/core'
import { checkIds, paddingId } from './check-ids.js'
import { checkEncoderInputs, runEncoder, type EncoderRun, type Feed } from './run-encoder.js'
import { encodeTexts, rowsOf, type EncodedTexts, type EncodeTextsOptions, type RunTextsOptions } from './run-texts.js'

/** What every task of an encoder lets its users choose. */
export interface EncoderOptions {
  /** Tokens read of each text, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number | undefined
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number | undefined
}

/** An encoder that is ready: its tokenizer, and its runs. */
export interface Encoder {
  readonly checkpoint: Checkpoint
  readonly graph: Graph
  readonly tokenizer: Tokenizer
  /** Tokens read of each text, special tokens included. */
  readonly maxLength: number
  /**
   * Runs what the tokenizer made, texts of like length together.
   * @throws InvalidFileError for a token that the weights have no row for.
   */
  run(encodings: readonly Encoding[], options?: RunOptions): AsyncGenerator<EncoderRun>
  /** Tokenises texts or pairs some at a time, and tells by a notice `TENON_TEXT_CUT` how many were cut. */
  encode(texts: readonly TextOrPair[], options?: EncodeTextsOptions): AsyncGenerator<EncodedTexts>
  /** Tokenises and runs texts or pairs: what this output, [texts, size], holds for each, in their order. */
  rows(texts: readonly TextOrPair[], output: string, options?: RunTextsOptions): Promise<Float32Array[]>
}

/** What an encoder's graph becomes before it is compiled, and how long its texts may be if not as its tokenizer says. */
export interface Adapted {
  readonly graph: Graph
  readonly maxLength?: number | undefined
  /** What the inputs hold that were added to an encoder's own. */
  readonly feeds?: Readonly<Record<string, Feed>> | undefined
}

const LONGEST_WHERE_NOTHING_SAYS = 512 // BERT's, and its descendants'

/**
 * Opens the task's model with this head, and readies it: what a task of an encoder begins with.
 * @param adapt What to do with the graph before it is compiled, such as appending a pooling.
 * @throws InvalidOptionError, InvalidFileError, and what opening, building and compiling throw.
 * @example
 * const encoder = await openEncoder(context, 'sequence-classification', { where: "the task 'text-classification'", ...options })
 * for await (const { indices, outputs } of encoder.run(await encoder.tokenizer.encodeBatch(texts))) …
 */
export async function openEncoder(
  context: TaskContext,
  head: string,
  { where, ...options }: EncoderOptions & { /** The task, as errors name it. */ readonly where: string },
  adapt: (opened: OpenedModel) => Adapted | Promise<Adapted> = ({ graphs }) => ({ graph: graphs['model']! }),
): Promise<Encoder> {
  const batchTokens = positive(where, options.batchTokens, 'batchTokens') ?? 1024
  const asked = positive(where, options.maxLength, 'maxLength')
  const opened = await context.open(head)
  const { checkpoint } = opened
  const { graph, maxLength, feeds = {} } = await adapt(opened)
  checkEncoderInputs(graph, checkpoint.reference, Object.keys(feeds))
  // The library beneath the backend works on threads of its own, while the tokenizer is read on this one.
  const [executable, tokenizer] = await Promise.all([context.compile(graph), checkpoint.tokenizer()])
  const limit = Math.min(maxLength ?? tokenizer.maxLength ?? Infinity, opened.maxLength ?? Infinity)
  if (asked !== undefined && asked > limit) {
    throw new InvalidOptionError({ where, option: 'maxLength', problem: `is ${asked}, and the model reads ${limit} tokens`, remedy: 'Split long texts instead' })
  }
  // The families hold vocab_size against the weights; what an exported graph was made from, its config may not say.
  const known = { reference: checkpoint.reference, vocabulary: checkpoint.constants.size > 0 ? Number(checkpoint.config['vocab_size'] ?? Infinity) : Infinity }
  const pad = paddingId([tokenizer.special.pad === undefined ? undefined : tokenizer.idOf(tokenizer.special.pad), checkpoint.config['pad_token_id']], known)
  const texts = { tokenizer, maxLength: asked ?? (Number.isFinite(limit) ? limit : LONGEST_WHERE_NOTHING_SAYS), emit: context.emit }
  const run: Encoder['run'] = (encodings, call = {}) => {
    checkIds(encodings, known)
    return runEncoder(executable, encodings, { ...call, pad, batchTokens, feeds })
  }
  return {
    checkpoint,
    graph,
    tokenizer,
    maxLength: texts.maxLength,
    run,
    encode: (given, call = {}) => encodeTexts(given, texts, call),
    rows: (given, output, call = {}) => rowsOf(given, output, run, texts, call),
  }
}

function positive(where: string, value: number | undefined, option: string): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return value
  throw new InvalidOptionError({ where, option, problem: `is ${value}`, remedy: 'Give a positive integer' })
}
