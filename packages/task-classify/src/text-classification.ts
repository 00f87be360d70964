import { checkOptions, InvalidInputError, InvalidOptionError, kindOf, type ModelConfig, type RunOptions, type Task, type TaskContext, type TextOrPair } from '@tenon/core'
import { openEncoder } from '@tenon/checkpoint/encoder'
import { checkText } from './check-text.js'
import { best, sigmoid, softmax, type Classification } from './classification.js'
import { labelsOf, LOGITS } from './labels.js'

export interface TextClassificationOptions {
  /** Tokens read of each text, or of both texts of a pair, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

/** Two texts that are read together, as for inference or paraphrase. A second of nothing is none, as in `transformers`. */
export interface TextAndPair {
  readonly text: string
  readonly text_pair?: string
}

/** What is classified. A pair may be two strings where it stands in a list. */
export type ClassifyInput = string | TextAndPair | readonly [string, string]

/** How the model's numbers become scores: each between 0 and 1, shares of 1, or as they are. */
export type FunctionToApply = 'sigmoid' | 'softmax' | 'none'

export interface ClassifyOptions extends RunOptions {
  /** How many labels to give. Default: all. */
  readonly topK?: number
  /** Default: what the model was trained for, see `textClassification`. */
  readonly functionToApply?: FunctionToApply
  /** Called as texts are done, in whatever order. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Labels with scores, the best first: for a text a list of them, for texts a list for each. */
export interface TextClassifier {
  (text: string | TextAndPair, options?: ClassifyOptions): Promise<Classification[]>
  (texts: readonly ClassifyInput[], options?: ClassifyOptions): Promise<Classification[][]>
  /** The model's labels, in its own order. */
  readonly labels: readonly string[]
  /** Tokens read of each text; the rest is cut off. */
  readonly maxLength: number
}

/**
 * The task `'text-classification'`: every label of the model with its score, the best first.
 *
 * Scores are what the model was trained for: as they are for `problem_type: 'regression'`, a sigmoid for
 * `'multi_label_classification'` and for models of one label, else a softmax. What is longer than the model reads is cut, the
 * longer text of a pair first, with a notice `TENON_TEXT_CUT`.
 *
 * Making it throws InvalidOptionError, InvalidFileError and WeightMismatchError where the checkpoint is no classifier;
 * calling it InvalidInputError for what is no text, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const classify = await runtime.task('text-classification', { model: './sst2' })
 * const [{ label, score }] = await classify('A joy from start to end')
 * const [entailment] = await classify([{ text: 'It rains', text_pair: 'It is wet' }], { topK: 1 })
 */
export function textClassification(): Task<'text-classification', TextClassificationOptions, TextClassifier> {
  return { kind: 'task', version: 'v1', name: 'text-classification', create }
}

const WHERE = "the task 'text-classification'"

async function create(context: TaskContext, options: TextClassificationOptions): Promise<TextClassifier> {
  checkOptions(WHERE, options, ['maxLength', 'batchTokens'])
  let labels: readonly string[] = []
  const encoder = await openEncoder(context, 'sequence-classification', { where: WHERE, ...options }, ({ checkpoint, graphs }) => {
    labels = labelsOf({ checkpoint, graph: graphs['model']! })
    return { graph: graphs['model']! }
  })
  const usual = functionFor(encoder.checkpoint.config, labels.length)

  async function classifyAll(texts: readonly TextOrPair[], { topK, functionToApply = usual, signal, onProgress }: ClassifyOptions): Promise<Classification[][]> {
    const logits = await encoder.rows(texts, LOGITS, { ...(signal && { signal }), onProgress })
    return logits.map((row) => best(labels, functions[functionToApply](Array.from(row)), topK))
  }
  const classifier = async (input: string | TextAndPair | readonly ClassifyInput[], call: ClassifyOptions = {}) => {
    checkCall(call)
    if (Array.isArray(input)) return classifyAll(Array.from(input as readonly unknown[], (each, index) => textOf(each, `text ${index}`)), call)
    return (await classifyAll([textOf(input, 'the text')], call))[0]!
  }
  return Object.assign(classifier as TextClassifier, { labels, maxLength: encoder.maxLength })
}

const functions: Record<FunctionToApply, (logits: readonly number[]) => readonly number[]> = { sigmoid, softmax, none: (logits) => logits }

/** As `transformers` decides. */
function functionFor({ problem_type: problem }: ModelConfig, labels: number): FunctionToApply {
  if (problem === 'regression') return 'none'
  return problem === 'multi_label_classification' || labels === 1 ? 'sigmoid' : 'softmax'
}

function checkCall(call: ClassifyOptions): void {
  const where = `a call of ${WHERE}`
  checkOptions(where, call, ['topK', 'functionToApply', 'signal', 'onProgress'])
  const { topK, functionToApply } = call
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) throw new InvalidOptionError({ where, option: 'topK', problem: `is ${String(topK)}`, remedy: 'Give a positive integer, or leave it out for all labels' })
  if (functionToApply !== undefined && !Object.hasOwn(functions, functionToApply)) throw new InvalidOptionError({ where, option: 'functionToApply', problem: `is '${String(functionToApply)}'`, remedy: `Known are: ${Object.keys(functions).join(', ')}` })
}

/** @throws InvalidInputError */
function textOf(input: unknown, what: string): TextOrPair {
  const remedy = 'pass strings, or pairs as { text, text_pair }'
  if (typeof input === 'string') return input
  const isPair = Array.isArray(input) && input.length === 2
  const pair: unknown = isPair ? { text: input[0], text_pair: input[1] ?? null } : input
  if (typeof pair !== 'object' || pair === null || !('text' in pair)) throw new InvalidInputError({ what, problem: `is ${kindOf(input)}`, remedy })
  const { text, text_pair: second = '' } = pair as { readonly text: unknown; readonly text_pair?: unknown }
  checkText(`the text of ${what}`, text, remedy)
  checkText(`the text_pair of ${what}`, second, remedy)
  return second === '' ? text : [text, second]
}
