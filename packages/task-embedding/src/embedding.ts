import { posix } from 'node:path'
import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, MissingFileError, tensor, throwIfAborted, type Checkpoint, type Constant, type Embedder, type EmbedOptions, type Encoding, type Executable, type Graph, type Task, type TaskContext, type Tokenizer } from '@tenon/core'
import { openSafetensors } from '@tenon/checkpoint'
import { groupByLength } from './batches.js'
import { appendPooling, SENTENCE_EMBEDDING, type DenseWeights } from './pooling.js'
import { readSentenceTransformer, type SentenceTransformer } from './sentence-transformers.js'

export interface EmbeddingOptions {
  /** Tokens read of each text, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Put before each text, as some models were trained with. Default: the model's default prompt, if it has one. */
  readonly prompt?: string
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

/** Texts tokenised at a time: bounds the memory of encodings, and is far more than a batch. */
const CHUNK = 512

/**
 * The task `'embedding'`: texts to vectors, pooled and normalised as the model's own files say
 * (https://sbert.net). Texts of like length share a run, so that padding is hardly computed. What is longer than the
 * model reads is cut, with a notice `TENON_TEXT_CUT`.
 *
 * Making it throws MissingFileError, InvalidFileError and WeightMismatchError where the model's files do not fit together,
 * and InvalidOptionError; calling it InvalidInputError for what is no text, AbortedError, and DisposedError.
 * @example
 * const embed = await runtime.task('embedding', { model: './all-MiniLM-L6-v2' })
 * const [a, b] = await embed(['a cat', 'a kitten'])
 */
export function embedding(): Task<'embedding', EmbeddingOptions, Embedder> {
  return { kind: 'task', version: 'v1', name: 'embedding', create }
}

async function create(context: TaskContext, options: EmbeddingOptions): Promise<Embedder> {
  checkOptions(WHERE, options, ['maxLength', 'prompt', 'batchTokens'])
  const batchTokens = positive(options.batchTokens, 'batchTokens') ?? 1024
  const opened = await context.open('base')
  const described = await readSentenceTransformer(opened.checkpoint)
  const prompt = promptOf(described, options)
  const graph = appendPooling(opened.graphs['model']!, described.modules, await denseWeights(context, opened.checkpoint, described), opened.checkpoint.reference)
  const { dimensions } = checkGraph(graph, opened.checkpoint)
  // The library beneath the backend works on threads of its own, while the tokenizer is read on this one.
  const [executable, tokenizer] = await Promise.all([context.compile(graph), opened.checkpoint.tokenizer()])
  const maxLength = longestInput(opened.checkpoint, tokenizer, described, options)
  const settings = { maxLength, prompt, batchTokens, lowerCase: described.lowerCase, dimensions }
  const embedAll = (texts: readonly string[], call: EmbedOptions) => embed(texts, call, opened.checkpoint, tokenizer, executable, settings, context)
  const embedder = async (input: string | readonly string[], call: EmbedOptions = {}) => {
    if (typeof input === 'string') return (await embedAll([input], call))[0]!
    checkTexts(input)
    return embedAll(input, call)
  }
  return Object.assign(embedder as Embedder, { dimensions, maxLength })
}

const WHERE = "the task 'embedding'"

/** The weights of the dense modules, open as long as the task. */
async function denseWeights(context: TaskContext, checkpoint: Checkpoint, { modules }: SentenceTransformer): Promise<DenseWeights> {
  const weights = new Map<string, ReadonlyMap<string, Constant>>()
  for (const module of modules) {
    if (module.kind !== 'dense') continue
    const file = posix.join(module.path, 'model.safetensors')
    if (!checkpoint.files.includes(file)) {
      throw new MissingFileError({ path: `${checkpoint.reference}/${file}`, purpose: 'modules.json lists it', remedy: 'Fetch it too; where there is only a pickle (pytorch_model.bin), save the model again with a newer sentence-transformers' })
    }
    const opened = await openSafetensors(checkpoint.path(file))
    context.defer(() => opened[Symbol.asyncDispose]())
    weights.set(module.path, opened.tensors)
  }
  return weights
}

/**
 * The width of the embeddings, of a graph that can be fed.
 * @throws InvalidFileError
 */
function checkGraph(graph: Graph, { reference }: Checkpoint): { readonly dimensions: number } {
  const unknown = graph.inputs.find(({ name }) => !Object.hasOwn(inputs, name))
  if (unknown !== undefined) throw new InvalidFileError({ path: reference, problem: `has a graph with the input '${unknown.name}'`, remedy: `Export it with the inputs ${Object.keys(inputs).join(', ')} only` })
  const dimensions = graph.outputs[0]!.shape[1]
  if (typeof dimensions !== 'number') throw new InvalidFileError({ path: reference, problem: 'has a graph that does not say how wide its token states are', remedy: 'Export it with a fixed hidden size' })
  return { dimensions }
}

function promptOf({ prompt: usual, modules }: SentenceTransformer, { prompt = usual }: EmbeddingOptions): string {
  if (typeof prompt !== 'string') throw new InvalidOptionError({ where: WHERE, option: 'prompt', problem: `is ${kindOf(prompt)}`, remedy: 'Give the text to put before each text' })
  if (prompt !== '' && modules.some((module) => module.kind === 'pooling' && !module.includePrompt)) throw new InvalidOptionError({ where: WHERE, option: 'prompt', problem: `is '${prompt}', and the model leaves prompts out of its pooling, which is not built here`, remedy: "Pass prompt: '', or another model" })
  return prompt
}

/**
 * Before anything is computed: a wrong text at the end should not cost what is before it.
 * @throws InvalidInputError
 */
function checkTexts(texts: unknown): asserts texts is readonly string[] {
  if (!Array.isArray(texts)) throw new InvalidInputError({ what: 'the texts', problem: `are ${kindOf(texts)}`, remedy: 'pass a string, or an array of them' })
  const wrong = texts.findIndex((text) => typeof text !== 'string')
  if (wrong >= 0) throw new InvalidInputError({ what: `text ${wrong}`, problem: `is ${kindOf(texts[wrong])}`, remedy: 'pass strings' })
}

const kindOf = (value: unknown) => (value === null ? 'null' : typeof value)

function positive(value: number | undefined, option: string): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return value
  throw new InvalidOptionError({ where: WHERE, option, problem: `is ${value}`, remedy: 'Give a positive integer' })
}

/** The least of what the folder, the tokenizer and the positions allow. */
function longestInput(checkpoint: Checkpoint, tokenizer: Tokenizer, { maxLength }: SentenceTransformer, options: EmbeddingOptions): number {
  const positions = checkpoint.config['max_position_embeddings']
  const limits = [maxLength ?? tokenizer.maxLength, typeof positions === 'number' ? positions : undefined].filter((limit) => limit !== undefined)
  const limit = Math.min(...limits)
  const asked = positive(options.maxLength, 'maxLength')
  if (asked !== undefined && asked > limit) throw new InvalidOptionError({ where: WHERE, option: 'maxLength', problem: `is ${asked}, and the model reads ${limit} tokens`, remedy: 'Split long texts instead' })
  return asked ?? (Number.isFinite(limit) ? limit : 512)
}

interface Settings {
  readonly maxLength: number
  readonly prompt: string
  readonly batchTokens: number
  readonly lowerCase: boolean
  readonly dimensions: number
}

async function embed(texts: readonly string[], { signal, onProgress }: EmbedOptions, checkpoint: Checkpoint, tokenizer: Tokenizer, executable: Executable, settings: Settings, { emit }: TaskContext): Promise<Float32Array[]> {
  const matrix = new Float32Array(texts.length * settings.dimensions)
  const pad = (tokenizer.special.pad === undefined ? undefined : tokenizer.idOf(tokenizer.special.pad)) ?? Number(checkpoint.config['pad_token_id'] ?? 0)
  let cut = 0
  let done = 0
  throwIfAborted(signal) // for no texts, too
  for (let first = 0; first < texts.length; first += CHUNK) {
    throwIfAborted(signal)
    const chunk = texts.slice(first, first + CHUNK).map((text) => prepared(text, settings))
    const encodings = await tokenizer.encodeBatch(chunk, { maxLength: settings.maxLength })
    cut += encodings.filter((encoding) => encoding.overflowing.length > 0).length
    for (const batch of groupByLength(encodings.map(({ ids }) => ids.length), settings.batchTokens)) {
      const vectors = await run(executable, batch.map((index) => encodings[index]!), pad, signal)
      batch.forEach((index, row) => matrix.set(vectors.subarray(row * settings.dimensions, (row + 1) * settings.dimensions), (first + index) * settings.dimensions))
      done += batch.length
      onProgress?.(done, texts.length)
    }
  }
  if (cut > 0) emit({ type: 'notice', code: 'TENON_TEXT_CUT', message: `${cut} of ${texts.length} texts were longer than ${settings.maxLength} tokens; only their beginnings were read` })
  return Array.from(texts, (_, index) => matrix.subarray(index * settings.dimensions, (index + 1) * settings.dimensions))
}

function prepared(text: string, { prompt, lowerCase }: Settings): string {
  return lowerCase ? (prompt + text).toLowerCase() : prompt + text
}

type Fill = (encoding: Encoding, column: number) => number

/** What each input of an encoder holds for a token, and for padding. */
const inputs: Readonly<Record<string, { readonly token: Fill; readonly padding: (pad: number) => number }>> = {
  input_ids: { token: ({ ids }, column) => ids[column]!, padding: (pad) => pad },
  attention_mask: { token: () => 1, padding: () => 0 },
  token_type_ids: { token: ({ typeIds }, column) => typeIds[column]!, padding: () => 0 },
}

/** One run: the encodings padded to the longest, each input the graph has, and the vectors row by row. */
async function run(executable: Executable, encodings: readonly Encoding[], pad: number, signal: AbortSignal | undefined): Promise<Float32Array> {
  const length = Math.max(...encodings.map(({ ids }) => ids.length))
  const feed = (name: string) => {
    const { token, padding } = inputs[name]!
    const result = new BigInt64Array(encodings.length * length).fill(BigInt(padding(pad)))
    encodings.forEach((encoding, row) => {
      for (let column = 0; column < encoding.ids.length; column++) result[row * length + column] = BigInt(token(encoding, column))
    })
    return tensor('int64', [encodings.length, length], result)
  }
  const feeds = Object.fromEntries(executable.inputs.map(({ name }) => [name, feed(name)]))
  const outputs = await executable.run(feeds, signal && { signal })
  using output = outputs[SENTENCE_EMBEDDING]!
  return ((await output.data()) as Float32Array).slice()
}
