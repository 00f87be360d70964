import { posix } from 'node:path'
import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, MissingFileError, throwIfAborted, type Checkpoint, type Constant, type Embedder, type EmbedOptions, type Task, type TaskContext } from '@tenon/core'
import { openSafetensors } from '@tenon/checkpoint'
import { openEncoder, type Encoder } from '@tenon/checkpoint/encoder'
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
  const { maxLength, batchTokens } = options
  let settings: Omit<Settings, 'dimensions'>
  const encoder = await openEncoder(context, 'base', { where: WHERE, maxLength, batchTokens }, async ({ checkpoint, graphs }) => {
    const described = await readSentenceTransformer(checkpoint)
    settings = { prompt: promptOf(described, options), lowerCase: described.lowerCase }
    const graph = appendPooling(graphs['model']!, described.modules, await denseWeights(context, checkpoint, described), checkpoint.reference)
    return { graph, maxLength: described.maxLength }
  })
  const dimensions = dimensionsOf(encoder)
  const embedAll = (texts: readonly string[], call: EmbedOptions) => embed(texts, call, encoder, { ...settings, dimensions }, context)
  const embedder = async (input: string | readonly string[], call: EmbedOptions = {}) => {
    if (typeof input === 'string') return (await embedAll([input], call))[0]!
    checkTexts(input)
    return embedAll(input, call)
  }
  return Object.assign(embedder as Embedder, { dimensions, maxLength: encoder.maxLength })
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
    const opened = await openSafetensors(await checkpoint.path(file))
    context.defer(() => opened[Symbol.asyncDispose]())
    weights.set(module.path, opened.tensors)
  }
  return weights
}

/** @throws InvalidFileError where the graph does not say how wide its embeddings are. */
function dimensionsOf({ graph, checkpoint }: Encoder): number {
  const dimensions = graph.outputs[0]!.shape[1]
  if (typeof dimensions !== 'number') throw new InvalidFileError({ path: checkpoint.reference, problem: 'has a graph that does not say how wide its token states are', remedy: 'Export it with a fixed hidden size' })
  return dimensions
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

interface Settings {
  readonly prompt: string
  readonly lowerCase: boolean
  readonly dimensions: number
}

async function embed(texts: readonly string[], { signal, onProgress }: EmbedOptions, { tokenizer, maxLength, run }: Encoder, { prompt, lowerCase, dimensions }: Settings, { emit }: TaskContext): Promise<Float32Array[]> {
  const matrix = new Float32Array(texts.length * dimensions)
  let cut = 0
  let done = 0
  throwIfAborted(signal) // for no texts, too
  for (let first = 0; first < texts.length; first += CHUNK) {
    throwIfAborted(signal)
    const chunk = texts.slice(first, first + CHUNK).map((text) => (lowerCase ? (prompt + text).toLowerCase() : prompt + text))
    const encodings = await tokenizer.encodeBatch(chunk, { maxLength })
    cut += encodings.filter((encoding) => encoding.overflowing.length > 0).length
    for await (const { indices, outputs } of run(encodings, signal && { signal })) {
      const vectors = (await outputs[SENTENCE_EMBEDDING]!.data()) as Float32Array
      indices.forEach((index, row) => matrix.set(vectors.subarray(row * dimensions, (row + 1) * dimensions), (first + index) * dimensions))
      done += indices.length
      onProgress?.(done, texts.length)
    }
  }
  if (cut > 0) emit({ type: 'notice', code: 'TENON_TEXT_CUT', message: `${cut} of ${texts.length} texts were longer than ${maxLength} tokens; only their beginnings were read` })
  return Array.from(texts, (_, index) => matrix.subarray(index * dimensions, (index + 1) * dimensions))
}
