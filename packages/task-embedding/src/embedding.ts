import { posix } from 'node:path'
import { checkOptions, InvalidFileError, InvalidOptionError, kindOf, MissingFileError, type Checkpoint, type Constant, type Embedder, type EmbedOptions, type Task, type TaskContext } from '@tenon/core'
import { openSafetensors } from '@tenon/checkpoint'
import { checkTexts, openEncoder, type Encoder } from '@tenon/checkpoint/encoder'
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
  let prepare = (text: string) => text
  const encoder = await openEncoder(context, 'base', { where: WHERE, maxLength, batchTokens }, async ({ checkpoint, graphs }) => {
    const described = await readSentenceTransformer(checkpoint)
    const prompt = promptOf(described, options)
    prepare = (text) => (described.lowerCase ? (prompt + text).toLowerCase() : prompt + text)
    const graph = appendPooling(graphs['model']!, described.modules, await denseWeights(context, checkpoint, described), checkpoint.reference)
    return { graph, maxLength: described.maxLength }
  })
  const dimensions = dimensionsOf(encoder)
  const embedAll = (texts: readonly string[], call: EmbedOptions) => encoder.rows(texts.map(prepare), SENTENCE_EMBEDDING, call)
  const embedder = async (input: string | readonly string[], call: EmbedOptions = {}) => {
    checkOptions(`a call of ${WHERE}`, call, ['signal', 'onProgress'])
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
