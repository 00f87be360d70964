import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, kindOf, type ModelConfig, type RunOptions, type Task, type TaskContext } from '@tenon/core'
import { checkTexts, openEncoder, type Encoder } from '@tenon/checkpoint/encoder'
import { checkText } from './check-text.js'
import { best, softmax, type Classification } from './classification.js'
import { labelsOf, LOGITS } from './labels.js'

export interface ZeroShotClassificationOptions {
  /** Tokens read of a text and a label together, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
  /** The place of "entailment" among the model's labels. Default: the label whose name begins so. */
  readonly entailmentId?: number
}

export interface ZeroShotOptions extends RunOptions {
  /** The sentence that a label makes true or false; `{}` is the label. Default `'This example is {}.'`. */
  readonly hypothesisTemplate?: string
  /** Whether several labels may be true: each is then scored by itself. Default false: the scores are shares of 1. */
  readonly multiLabel?: boolean
  /** Called as pairs of a text and a label are done, in whatever order. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Labels with scores, the best first: for a text a list of them, for texts a list for each. `candidateLabels` are a list, or divided by commas. */
export interface ZeroShotClassifier {
  (text: string, candidateLabels: string | readonly string[], options?: ZeroShotOptions): Promise<Classification[]>
  (texts: readonly string[], candidateLabels: string | readonly string[], options?: ZeroShotOptions): Promise<Classification[][]>
  /** Tokens read of a text and a label together; the rest of the text is cut off. */
  readonly maxLength: number
}

/**
 * The task `'zero-shot-classification'`: labels that the model never saw, scored by whether a text entails the sentence they make
 * (Yin et al. 2019), with a model of natural language inference. A text that is too long beside the label is cut, with a notice
 * `TENON_TEXT_CUT`.
 *
 * Making it throws InvalidOptionError, InvalidFileError where no label is "entailment", and WeightMismatchError; calling it
 * InvalidInputError for what is no text or label, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const classify = await runtime.task('zero-shot-classification', { model: './nli' })
 * const [{ label, score }] = await classify('My phone must be repaired today', ['urgent', 'not urgent'])
 */
export function zeroShotClassification(): Task<'zero-shot-classification', ZeroShotClassificationOptions, ZeroShotClassifier> {
  return { kind: 'task', version: 'v1', name: 'zero-shot-classification', create }
}

const WHERE = "the task 'zero-shot-classification'"

async function create(context: TaskContext, { entailmentId, ...options }: ZeroShotClassificationOptions): Promise<ZeroShotClassifier> {
  checkOptions(WHERE, options, ['maxLength', 'batchTokens', 'entailmentId'])
  let entailment = -1
  const encoder = await openEncoder(context, 'sequence-classification', { where: WHERE, ...options }, ({ checkpoint, graphs }) => {
    const graph = graphs['model']!
    entailment = entailmentOf({ checkpoint, graph }, entailmentId)
    return { graph }
  })
  const contradiction = entailment === 0 ? -1 : 0 // the last, or the first: as `transformers` takes it to be

  async function classifyAll(texts: readonly string[], labels: readonly string[], { hypothesisTemplate = 'This example is {}.', multiLabel = false, signal, onProgress }: ZeroShotOptions) {
    const hypotheses = labels.map((label) => hypothesisTemplate.replaceAll('{}', () => label))
    const pairs = texts.flatMap((text) => hypotheses.map((hypothesis) => [text, hypothesis] as const))
    const logits = await encoder.rows(pairs, LOGITS, { ...(signal && { signal }), onProgress, truncate: 'only-first', what: 'pairs of a text and a label' })
    return texts.map((_, index) => {
      const rows = logits.slice(index * labels.length, (index + 1) * labels.length)
      // A single label has nothing to share with.
      const scores = multiLabel || labels.length === 1 ? rows.map((row) => softmax([row.at(contradiction)!, row[entailment]!])[1]!) : softmax(rows.map((row) => row[entailment]!))
      return best(labels, scores)
    })
  }
  const classifier = async (input: string | readonly string[], candidateLabels: string | readonly string[], call: ZeroShotOptions = {}) => {
    checkCall(call)
    const labels = labelsIn(candidateLabels)
    const texts = typeof input === 'string' ? [input] : input
    checkTexts(texts)
    const results = await classifyAll(texts, labels, call)
    return typeof input === 'string' ? results[0]! : results
  }
  return Object.assign(classifier as ZeroShotClassifier, { maxLength: encoder.maxLength })
}

/** @throws InvalidOptionError, InvalidFileError */
function entailmentOf(model: Pick<Encoder, 'graph' | 'checkpoint'>, chosen: number | undefined): number {
  const { checkpoint } = model
  const { length: count } = labelsOf(model)
  if (count < 2) throw new InvalidFileError({ path: checkpoint.reference, problem: 'has one label, and entailment needs another beside it', remedy: 'Name a model of natural language inference' })
  if (chosen !== undefined && !(Number.isInteger(chosen) && chosen >= 0 && chosen < count)) throw new InvalidOptionError({ where: WHERE, option: 'entailmentId', problem: `is ${String(chosen)}`, remedy: `Give the place of entailment among the ${count} labels, from 0` })
  const id = chosen ?? idOfEntailment(checkpoint.config)
  if (id === undefined || !(Number.isInteger(id) && id >= 0 && id < count)) {
    throw new InvalidFileError({ path: `${checkpoint.reference}/config.json`, problem: "names no label that begins with 'entail'", remedy: 'Name a model of natural language inference, or pass its place among the labels as entailmentId' })
  }
  return id
}

function idOfEntailment({ label2id, id2label }: ModelConfig): number | undefined {
  const named = Object.entries(label2id ?? {}).find(([label]) => entails(label))
  const numbered = Object.entries(id2label ?? {}).find(([, label]) => entails(String(label)))
  const id = named?.[1] ?? numbered?.[0]
  return id === undefined ? undefined : Number(id)
}

const entails = (label: string) => label.toLowerCase().startsWith('entail')

function checkCall(call: ZeroShotOptions): void {
  const where = `a call of ${WHERE}`
  checkOptions(where, call, ['hypothesisTemplate', 'multiLabel', 'signal', 'onProgress'])
  const { hypothesisTemplate: template, multiLabel } = call
  if (template !== undefined && !(typeof template === 'string' && template.includes('{}'))) {
    throw new InvalidOptionError({ where, option: 'hypothesisTemplate', problem: typeof template === 'string' ? `is '${template}', without {}` : `is ${kindOf(template)}`, remedy: "Give a sentence with {} in the label's place" })
  }
  if (multiLabel !== undefined && typeof multiLabel !== 'boolean') throw new InvalidOptionError({ where, option: 'multiLabel', problem: `is ${kindOf(multiLabel)}`, remedy: 'Give true or false' })
}

/** @throws InvalidInputError */
function labelsIn(given: unknown): readonly string[] {
  const remedy = 'pass an array of labels, or a string of them, divided by commas'
  const labels: unknown = typeof given === 'string' ? given.split(',').map((label) => label.trim()).filter((label) => label !== '') : given
  if (!Array.isArray(labels)) throw new InvalidInputError({ what: 'the candidate labels', problem: `are ${kindOf(labels)}`, remedy })
  if (labels.length === 0) throw new InvalidInputError({ what: 'the candidate labels', problem: 'are none', remedy })
  return Array.from(labels as readonly unknown[], (label, index) => {
    checkText(`candidate label ${index}`, label, remedy)
    return label
  })
}
