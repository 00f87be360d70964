import { checkOptions, InvalidFileError, type Graph, type Task, type TaskContext } from '@tenon/core'
import { openEncoder, runWindows, type Encoder } from '@tenon/checkpoint/encoder'
import { extend } from '@tenon/graph'
import { Cast } from '@tenon/graph/ops'
import { checkInput, checkInputs } from './check-inputs.js'
import type { AnswerOptions, QuestionAnswerer, QuestionInContext, ReadOptions, SpanAnswer } from './contracts.js'
import { encodePairs, pairTokenizer, type PairTokenizer } from './encode-pairs.js'
import { readOptionNames, resolveOptions, WHERE, type ResolvedOptions } from './resolve-options.js'
import { bestSpans, charactersOf } from './spans.js'

/** The options of a task are the defaults of its calls. */
export interface QuestionAnsweringOptions extends ReadOptions {
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

/**
 * The task `'question-answering'`: the stretch of a context that answers a question, with its place. Contexts that are longer
 * than the model reads are read in windows that overlap. Answers and scores are those of the pipeline of transformers
 * 4.51; see the README for where its releases differ.
 *
 * Making it throws InvalidOptionError and InvalidFileError; calling it InvalidInputError for what is empty or no text, told by
 * its place before anything is computed, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const ask = await runtime.task('question-answering', { model: 'deepset/minilm-uncased-squad2' })
 * const { answer, score, start, end } = await ask({ question: 'What fits a mortise?', context: 'A tenon fits a mortise.' })
 */
export function questionAnswering(): Task<'question-answering', QuestionAnsweringOptions, QuestionAnswerer> {
  return { kind: 'task', version: 'v1', name: 'question-answering', create }
}

async function create(context: TaskContext, options: QuestionAnsweringOptions): Promise<QuestionAnswerer> {
  checkOptions(WHERE, options, [...readOptionNames, 'batchTokens'])
  const { batchTokens, ...defaults } = options
  const encoder = await openEncoder(context, 'question-answering', { where: WHERE, batchTokens }, ({ checkpoint, graphs }) => ({ graph: logitsOnly(graphs['model']!, checkpoint.reference) }))
  const pairs = await pairTokenizer(encoder.tokenizer)
  resolveOptions(defaults, {}, encoder.maxLength) // so that a wrong default is refused here

  const answerer = async (input: QuestionInContext | readonly QuestionInContext[], call: AnswerOptions & { readonly topK?: number } = {}) => {
    const resolved = resolveOptions(defaults, call, encoder.maxLength)
    const several = Array.isArray(input)
    const answers = await read(several ? checkInputs(input) : [checkInput(input)], encoder, pairs, resolved, context)
    const asked = call.topK === undefined ? answers.map(([best]) => best!) : answers
    return several ? asked : asked[0]!
  }
  return answerer as QuestionAnswerer
}

const LOGITS = ['start_logits', 'end_logits'] as const

/**
 * The graph with no other outputs than the logits, [batch, sequence] float32, so that nothing else leaves the backend.
 * @throws InvalidFileError
 */
function logitsOnly(graph: Graph, reference: string): Graph {
  const missing = LOGITS.find((name) => !graph.outputs.some((output) => output.name === name))
  if (missing !== undefined) throw new InvalidFileError({ path: reference, problem: `has a graph without ${missing}`, remedy: 'Export it as a model for question answering' })
  if (graph.outputs.length === LOGITS.length && graph.outputs.every(({ dtype }) => dtype === 'float32')) return graph
  const { builder, values } = extend(graph)
  for (const name of LOGITS) {
    const logits = values.get(name)!
    builder.output(name, logits.dtype === 'float32' ? logits : Cast(logits, { to: 'float32' }))
  }
  return builder.build()
}

/** A span, and the window it came from: of equal scores, the earlier window's goes first. */
interface Candidate extends SpanAnswer {
  readonly window: number
}

interface Reading {
  candidates: readonly Candidate[]
  noAnswer: number
}

/** The best answers to each input, one at least, best first. */
async function read(inputs: readonly QuestionInContext[], encoder: Encoder, pairs: PairTokenizer, options: ResolvedOptions, { emit }: TaskContext): Promise<SpanAnswer[][]> {
  const { topK, maxQuestionLen, handleImpossibleAnswer, signal, onProgress } = options
  const readings = inputs.map((): Reading => ({ candidates: [], noAnswer: 1 }))
  const cls = encoder.tokenizer.idOf(encoder.tokenizer.special.cls ?? '[CLS]') // BERT's, where the files do not name it
  const total = inputs.reduce((sum, { context }) => sum + context.length, 0)
  let done = 0
  let cut = 0
  const windows = encodePairs(inputs, pairs, options, (questions) => (cut += questions))
  for await (const { window, values: [start, end] } of runWindows(encoder, windows, LOGITS, signal)) {
    const { input, index, encoding, units } = window
    const { spans, noAnswer } = bestSpans(encoding, { start: start!, end: end! }, { ...options, context: pairs.context, cls })
    const found = spans.map((span): Candidate => {
      const place = charactersOf(encoding, span, options.alignToWords)
      return { answer: inputs[input]!.context.slice(place.start, place.end), score: span.score, ...place, window: index }
    })
    const reading = readings[input]!
    reading.candidates = [...reading.candidates, ...found].toSorted((a, b) => b.score - a.score || a.window - b.window).slice(0, topK)
    reading.noAnswer = Math.min(reading.noAnswer, noAnswer)
    done += units
    onProgress?.(done, total)
  }
  if (cut > 0) emit({ type: 'notice', code: 'TENON_TEXT_CUT', message: `${cut} of ${inputs.length} questions were longer than ${maxQuestionLen} tokens; only their beginnings were read` })
  return readings.map(({ candidates, noAnswer }) => {
    const answers = candidates.map(({ answer, score, start, end }) => ({ answer, score, start, end }))
    const none = { answer: '', score: handleImpossibleAnswer ? noAnswer : 0, start: 0, end: 0 }
    if (handleImpossibleAnswer || answers.length === 0) answers.push(none)
    return answers.toSorted((a, b) => b.score - a.score).slice(0, topK)
  })
}
