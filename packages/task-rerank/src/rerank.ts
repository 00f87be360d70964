import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, kindOf, type RunOptions, type Task, type TaskContext } from '@tenon/core'
import { openEncoder, type Encoder } from '@tenon/checkpoint/encoder'
import { activations, readCrossEncoder, type Activation, type CrossEncoder } from './cross-encoder.js'

export interface RerankerOptions {
  /** Tokens read of a query and a document together, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Put before each query, as some models were trained with. Default: the model's default prompt, if it has one. */
  readonly prompt?: string
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

interface ScoreOptions extends RunOptions {
  /** What makes a score of the model's number. Default: as the model's files say, else a sigmoid. */
  readonly activation?: Activation
  /** Called as documents are done, in whatever order. */
  readonly onProgress?: (done: number, total: number) => void
}

export interface RerankOptions extends ScoreOptions {
  /** How many documents to give. Default: all. */
  readonly topK?: number
}

/** A text, or what holds one. */
type Document = string | { readonly text: string }

export interface RankedDocument<D = string> {
  /** Its place among the documents that were passed. */
  readonly index: number
  readonly score: number
  readonly document: D
}

/** Documents by how well they answer a query, the best first. Documents are texts, or objects with a `text`, which are kept whole. */
export interface Reranker {
  (query: string, documents: readonly string[], options?: RerankOptions): Promise<RankedDocument[]>
  <D extends Document>(query: string, documents: readonly D[], options?: RerankOptions): Promise<RankedDocument<D>[]>
  /** The score of a query and a document; for pairs of them a list, in the order of the pairs. */
  score(pair: readonly [query: string, document: Document], options?: ScoreOptions): Promise<number>
  score(pairs: readonly (readonly [query: string, document: Document])[], options?: ScoreOptions): Promise<number[]>
  /** Tokens read of a query and a document together; the rest of the longer is cut off. */
  readonly maxLength: number
}

/**
 * The task `'text-ranking'`: scores documents by a query with a cross-encoder, which reads both together
 * (Nogueira and Cho 2019, https://sbert.net): slower than embeddings and more exact, so let it see the best of a search.
 * A pair that is too long is cut, its longer text first, with a notice `TENON_TEXT_CUT`.
 *
 * Making it throws InvalidOptionError, WeightMismatchError, and InvalidFileError where the model has other than one label or its
 * files name what is not known; calling it InvalidInputError for what is no text, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const rank = await runtime.task('text-ranking', { model: 'cross-encoder/ms-marco-MiniLM-L6-v2' })
 * const [best] = await rank('How is wood dried?', [{ text: 'In the open air.', id: 1 }, { text: 'By glue.', id: 2 }], { topK: 1 })
 */
export function rerank(): Task<'text-ranking', RerankerOptions, Reranker> {
  return { kind: 'task', version: 'v1', name: 'text-ranking', create }
}

const WHERE = "the task 'text-ranking'"
const LOGITS = 'logits'

async function create(context: TaskContext, { prompt: chosen, ...options }: RerankerOptions): Promise<Reranker> {
  checkOptions(WHERE, options, ['maxLength', 'prompt', 'batchTokens'])
  if (chosen !== undefined && typeof chosen !== 'string') throw new InvalidOptionError({ where: WHERE, option: 'prompt', problem: `is ${kindOf(chosen)}`, remedy: 'Give the text to put before each query' })
  let described!: CrossEncoder
  const encoder = await openEncoder(context, 'sequence-classification', { where: WHERE, ...options }, async ({ checkpoint, graphs }) => {
    const graph = graphs['model']!
    checkGraph({ graph, checkpoint })
    described = await readCrossEncoder(checkpoint, context.emit)
    return { graph, maxLength: described.maxLength }
  })
  const prompt = chosen ?? described.prompt

  async function scoreAll(pairs: readonly (readonly [string, string])[], { activation = described.activation, signal, onProgress }: ScoreOptions): Promise<number[]> {
    const prompted = prompt === '' ? pairs : pairs.map(([query, text]) => [prompt + query, text] as const)
    const logits = await encoder.rows(prompted, LOGITS, { ...(signal && { signal }), onProgress, what: 'pairs of a query and a document' })
    return logits.map(([logit]) => activations[activation](logit!))
  }
  const reranker = async (query: string, documents: readonly Document[], call: RerankOptions = {}) => {
    checkCall(call, ['topK'])
    const texts = pairsOf(query, documents)
    const scores = await scoreAll(texts, call)
    return documents.map((document, index) => ({ index, score: scores[index]!, document })).toSorted((a, b) => b.score - a.score).slice(0, call.topK ?? documents.length)
  }
  const score = async (given: readonly unknown[], call: ScoreOptions = {}) => {
    checkCall(call)
    if (!Array.isArray(given)) throw new InvalidInputError({ what: 'the pairs', problem: `are ${kindOf(given)}`, remedy: 'pass [query, document], or an array of them' })
    if (typeof given[0] === 'string') return (await scoreAll([pairOf(given, 'the pair')], call))[0]!
    return scoreAll(Array.from(given as readonly unknown[], (pair, index) => pairOf(pair, `pair ${index}`)), call)
  }
  return Object.assign(reranker as Reranker, { score: score as Reranker['score'], maxLength: encoder.maxLength })
}

/** That there is one score for each pair. @throws InvalidFileError */
function checkGraph({ graph, checkpoint: { reference } }: Pick<Encoder, 'graph' | 'checkpoint'>): void {
  const logits = graph.outputs.find(({ name }) => name === LOGITS)
  const count = logits?.shape[1]
  if (logits?.dtype !== 'float32' || logits.shape.length !== 2 || typeof count !== 'number') {
    throw new InvalidFileError({ path: reference, problem: `has a graph that does not make '${LOGITS}', float32, [batch, 1]`, remedy: 'Export it for sequence classification' })
  }
  if (count !== 1) throw new InvalidFileError({ path: reference, problem: `scores ${count} labels, and documents are ranked by one`, remedy: "Name a cross-encoder of one label, or use pairs with the task 'text-classification'" })
}

function checkCall(call: RerankOptions, more: readonly string[] = []): void {
  const where = `a call of ${WHERE}`
  checkOptions(where, call, [...more, 'activation', 'signal', 'onProgress'])
  const { topK, activation } = call
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) throw new InvalidOptionError({ where, option: 'topK', problem: `is ${String(topK)}`, remedy: 'Give a positive integer, or leave it out for all documents' })
  if (activation !== undefined && !Object.hasOwn(activations, activation)) throw new InvalidOptionError({ where, option: 'activation', problem: `is '${String(activation)}'`, remedy: `Known are: ${Object.keys(activations).join(', ')}` })
}

/** @throws InvalidInputError */
function pairsOf(query: unknown, documents: unknown): readonly (readonly [string, string])[] {
  if (typeof query !== 'string') throw new InvalidInputError({ what: 'the query', problem: `is ${kindOf(query)}`, remedy: 'pass a string' })
  if (!Array.isArray(documents)) throw new InvalidInputError({ what: 'the documents', problem: `are ${kindOf(documents)}`, remedy: 'pass an array of strings, or of objects with a text' })
  return Array.from(documents as readonly unknown[], (document, index) => [query, textOf(document, `document ${index}`)])
}

/** @throws InvalidInputError */
function pairOf(pair: unknown, what: string): readonly [string, string] {
  if (!Array.isArray(pair) || pair.length !== 2) throw new InvalidInputError({ what, problem: `is ${kindOf(pair)}`, remedy: 'pass [query, document]' })
  const [query, document] = pair as readonly unknown[]
  if (typeof query !== 'string') throw new InvalidInputError({ what: `the query of ${what}`, problem: `is ${kindOf(query)}`, remedy: 'pass a string' })
  return [query, textOf(document, `the document of ${what}`)]
}

/** @throws InvalidInputError */
function textOf(document: unknown, what: string): string {
  const text = typeof document === 'object' && document !== null && 'text' in document ? document.text : document
  if (typeof text === 'string') return text
  const problem = text === document ? `is ${kindOf(document)}` : `has a text that is ${kindOf(text)}`
  throw new InvalidInputError({ what, problem, remedy: 'pass a string, or an object with a text' })
}
