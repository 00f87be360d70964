import { checkOptions, InvalidOptionError, type Task, type TaskContext } from '@tenon/core'
import { checkTexts, openEncoder, runWindows, windowsOf, type Encoder } from '@tenon/checkpoint/encoder'
import { extend } from '@tenon/graph'
import { Cast } from '@tenon/graph/ops'
import { grouped, labelled } from './aggregate.js'
import type { AggregationStrategy, ClassifiedToken, ClassifyTokensOptions, EntityGroup, TokenClassifier } from './contracts.js'
import { labelsOf, LOGITS } from './labels.js'
import { mergeGroups, mergeTokens } from './merge-windows.js'
import { tokensOf } from './tokens.js'

export interface TokenClassificationOptions {
  /** Tokens of a window, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

/**
 * The task `'token-classification'`: names, places, parts of speech, whatever the model labels tokens with. Texts that are
 * longer than the model reads are read in windows that overlap. Entities, words and scores are those of the pipeline
 * of `transformers` for each of its strategies.
 *
 * Making it throws InvalidOptionError and InvalidFileError; calling it InvalidInputError for what is no text, told by its
 * place before anything is computed, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const classify = await runtime.task('token-classification', { model: 'dslim/bert-base-NER' })
 * const [{ entity_group, word, start, end }] = await classify('Ada Lovelace lived in London.', { aggregationStrategy: 'simple' })
 */
export function tokenClassification(): Task<'token-classification', TokenClassificationOptions, TokenClassifier> {
  return { kind: 'task', version: 'v1', name: 'token-classification', create }
}

const WHERE = "the task 'token-classification'"
const STRATEGIES: readonly string[] = ['none', 'simple', 'first', 'average', 'max'] satisfies AggregationStrategy[]

async function create(context: TaskContext, options: TokenClassificationOptions): Promise<TokenClassifier> {
  checkOptions(WHERE, options, ['maxLength', 'batchTokens'])
  let labels: readonly string[] = []
  const encoder = await openEncoder(context, 'token-classification', { where: WHERE, ...options }, ({ checkpoint, graphs }) => {
    const graph = graphs['model']!
    labels = labelsOf(checkpoint, graph)
    if (graph.outputs.length === 1 && graph.outputs[0]!.dtype === 'float32') return { graph }
    const { builder, values } = extend(graph) // so that nothing else leaves the backend
    builder.output(LOGITS, Cast(values.get(LOGITS)!, { to: 'float32' }))
    return { graph: builder.build() }
  })
  const { specialTokensMask } = await encoder.tokenizer.encode('a')
  const room = encoder.maxLength - specialTokensMask.filter((mask) => mask === 1).length

  const classifier = async (input: string | readonly string[], call: ClassifyTokensOptions = {}) => {
    const resolved = resolve(call, encoder.maxLength, room)
    if (typeof input === 'string') return (await classify([input], encoder, labels, resolved))[0]!
    checkTexts(input)
    return classify(input, encoder, labels, resolved)
  }
  return Object.assign(classifier as TokenClassifier, { labels, maxLength: encoder.maxLength })
}

interface ResolvedOptions {
  readonly strategy: AggregationStrategy
  readonly ignored: ReadonlySet<string>
  readonly stride: number
  /** Tokens from the beginning of a window to that of the next. */
  readonly step: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((done: number, total: number) => void) | undefined
}

/** @throws InvalidOptionError */
function resolve(call: ClassifyTokensOptions, maxLength: number, room: number): ResolvedOptions {
  checkOptions(WHERE, call, ['aggregationStrategy', 'ignoreLabels', 'stride', 'signal', 'onProgress'])
  const { aggregationStrategy: strategy = 'none', ignoreLabels = ['O'], stride = Math.min(128, maxLength >> 1, room >> 1), signal, onProgress } = call
  const refused = (option: string, problem: string, remedy: string) => new InvalidOptionError({ where: WHERE, option, problem, remedy })
  if (!STRATEGIES.includes(strategy)) throw refused('aggregationStrategy', `is '${String(strategy)}'`, `Known are: ${STRATEGIES.join(', ')}`)
  if (!Array.isArray(ignoreLabels) || !ignoreLabels.every((label) => typeof label === 'string')) throw refused('ignoreLabels', 'is no list of labels', "Pass an array of strings, such as ['O']")
  if (!Number.isInteger(stride) || stride < 0 || stride >= room) throw refused('stride', `is ${stride}`, `Give a whole number from 0 to ${room - 1}: a window has room for ${room} tokens of a text`)
  return { strategy, ignored: new Set(ignoreLabels), stride, step: room - stride, signal, onProgress }
}

async function classify(texts: readonly string[], encoder: Encoder, labels: readonly string[], { strategy, ignored, stride, step, signal, onProgress }: ResolvedOptions): Promise<(ClassifiedToken | EntityGroup)[][]> {
  const { tokenizer, maxLength } = encoder
  const tokens = texts.map((): ClassifiedToken[][] => [])
  const groups = texts.map((): EntityGroup[][] => [])
  const total = texts.reduce((sum, text) => sum + text.length, 0)
  let done = 0
  const windows = windowsOf(texts.map(({ length }) => length), (from, to) => tokenizer.encodeBatch(texts.slice(from, to), { maxLength, stride }), signal)
  for await (const { window: { input, index, encoding, units }, values } of runWindows(encoder, windows, [LOGITS], signal)) {
    const found = tokensOf(texts[input]!, encoding, values[0]!, labels.length, tokenizer)
    if (strategy === 'none') tokens[input]![index] = labelled(found, labels, ignored).map((token) => ({ ...token, index: token.index + index * step }))
    else groups[input]![index] = grouped(found, strategy, labels, ignored, tokenizer.join)
    done += units
    onProgress?.(done, total)
  }
  return texts.map((text, index) => (strategy === 'none' ? mergeTokens(tokens[index]!) : mergeGroups(text, groups[index]!)))
}
