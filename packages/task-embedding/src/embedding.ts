import { checkOptions, InvalidInputError, InvalidOptionError, tensor, throwIfAborted, type Constant, type Embedder, type EmbedOptions, type Encoding, type Executable, type OpenedModel, type Task, type TaskContext } from '@tenon/core'
import { openSafetensors } from '@tenon/checkpoint'
import { groupByLength } from './batches.js'
import { appendPooling, SENTENCE_EMBEDDING } from './pooling.js'
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
 * (https://sbert.net). Texts of like length share a run, so that padding is hardly computed.
 * @example
 * const embed = await runtime.task('embedding', { model: './all-MiniLM-L6-v2' })
 * const [a, b] = await embed(['a cat', 'a kitten'])
 */
export function embedding(): Task<'embedding', EmbeddingOptions, Embedder> {
  return { kind: 'task', version: 'v1', name: 'embedding', create }
}

async function create(context: TaskContext, options: EmbeddingOptions): Promise<Embedder> {
  checkOptions("the task 'embedding'", options, ['maxLength', 'prompt', 'batchTokens'])
  const opened = await context.open('base')
  const described = await readSentenceTransformer(opened.checkpoint)
  const dense = new Map<string, ReadonlyMap<string, Constant>>()
  for (const module of described.modules) {
    if (module.kind !== 'dense') continue
    const file = await openSafetensors(opened.checkpoint.path(`${module.path}/model.safetensors`))
    context.defer(() => file[Symbol.asyncDispose]())
    dense.set(module.path, file.tensors)
  }
  const graph = appendPooling(opened.graphs['model']!, described.modules, dense, opened.checkpoint.reference)
  const executable = await context.compile(graph)
  const settings = {
    maxLength: longestInput(opened, described, options),
    prompt: options.prompt ?? described.prompt,
    batchTokens: positive(options.batchTokens, 'batchTokens') ?? 1024,
    lowerCase: described.lowerCase,
    dimensions: graph.outputs[0]!.shape[1] as number,
  }
  const embedAll = (texts: readonly string[], call: EmbedOptions) => embed(texts, call, opened, executable, settings, context)
  const embedder = async (input: string | readonly string[], call: EmbedOptions = {}) => {
    if (typeof input === 'string') return (await embedAll([input], call))[0]!
    return embedAll(input, call)
  }
  return Object.assign(embedder as Embedder, { dimensions: settings.dimensions, maxLength: settings.maxLength })
}

function positive(value: number | undefined, option: string): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return value
  throw new InvalidOptionError({ where: "the task 'embedding'", option, problem: `is ${value}`, remedy: 'Give a positive integer' })
}

/** The least of what the folder, the tokenizer and the positions allow. */
function longestInput({ checkpoint, tokenizer }: OpenedModel, { maxLength }: SentenceTransformer, options: EmbeddingOptions): number {
  const positions = checkpoint.config['max_position_embeddings']
  const limits = [maxLength ?? tokenizer.maxLength, typeof positions === 'number' ? positions : undefined].filter((limit) => limit !== undefined)
  const limit = Math.min(...limits)
  const asked = positive(options.maxLength, 'maxLength')
  if (asked !== undefined && asked > limit) throw new InvalidOptionError({ where: "the task 'embedding'", option: 'maxLength', problem: `is ${asked}, and the model reads ${limit} tokens`, remedy: 'Split long texts instead' })
  return asked ?? (Number.isFinite(limit) ? limit : 512)
}

interface Settings {
  readonly maxLength: number
  readonly prompt: string
  readonly batchTokens: number
  readonly lowerCase: boolean
  readonly dimensions: number
}

async function embed(texts: readonly string[], { signal, onProgress }: EmbedOptions, { tokenizer, checkpoint }: OpenedModel, executable: Executable, settings: Settings, { emit }: TaskContext): Promise<Float32Array[]> {
  const matrix = new Float32Array(texts.length * settings.dimensions)
  const pad = (tokenizer.special.pad === undefined ? undefined : tokenizer.idOf(tokenizer.special.pad)) ?? Number(checkpoint.config['pad_token_id'] ?? 0)
  let cut = 0
  let done = 0
  for (let first = 0; first < texts.length; first += CHUNK) {
    throwIfAborted(signal)
    const chunk = texts.slice(first, first + CHUNK).map((text, index) => prepared(text, first + index, settings))
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

function prepared(text: unknown, index: number, { prompt, lowerCase }: Settings): string {
  if (typeof text !== 'string') throw new InvalidInputError({ what: `text ${index}`, problem: `is ${text === null ? 'null' : typeof text}`, remedy: 'pass strings' })
  const whole = prompt + text
  return lowerCase ? whole.toLowerCase() : whole
}

/** One run: the encodings padded to the longest, each input the graph has, and the vectors row by row. */
async function run(executable: Executable, encodings: readonly Encoding[], pad: number, signal: AbortSignal | undefined): Promise<Float32Array> {
  const length = Math.max(...encodings.map(({ ids }) => ids.length))
  const fill = (values: (encoding: Encoding) => readonly number[] | number, padding: number) => {
    const result = new BigInt64Array(encodings.length * length).fill(BigInt(padding))
    encodings.forEach((encoding, row) => {
      const list = values(encoding)
      for (let column = 0; column < encoding.ids.length; column++) result[row * length + column] = BigInt(typeof list === 'number' ? list : list[column]!)
    })
    return tensor('int64', [encodings.length, length], result)
  }
  const known: Readonly<Record<string, () => ReturnType<typeof fill>>> = {
    input_ids: () => fill(({ ids }) => ids, pad),
    attention_mask: () => fill(() => 1, 0),
    token_type_ids: () => fill(({ typeIds }) => typeIds, 0),
  }
  const feeds = Object.fromEntries(executable.inputs.map(({ name }) => [name, known[name]!()]))
  const outputs = await executable.run(feeds, signal && { signal })
  using output = outputs[SENTENCE_EMBEDDING]!
  return ((await output.data()) as Float32Array).slice()
}
