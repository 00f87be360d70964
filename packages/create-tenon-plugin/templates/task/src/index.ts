import { checkOptions, InvalidFileError, InvalidInputError, type OpenedModel, type RunOptions, type Task, type TaskContext } from '@tenon/core'
import { openEncoder, type Adapted, type EncoderOptions } from '@tenon/checkpoint/encoder'
import { extend, integers } from '@tenon/graph'
import { Cast, Div, MatMul, ReduceL2, Squeeze, Unsqueeze } from '@tenon/graph/ops'

/** One of the texts, and how near it is to the query. */
export interface Match {
  /** Its place among the texts. */
  readonly index: number
  readonly text: string
  /** The cosine of the two, -1 to 1. */
  readonly score: number
}

export interface MatchOptions extends RunOptions {
  /** Called as texts are done. */
  readonly onProgress?: (done: number, total: number) => void
}

/** The texts, the nearest to the query first. */
export type PluginType = (query: string, texts: readonly string[], options?: MatchOptions) => Promise<Match[]>

/**
 * The task `'plugin-name'`: which of many texts are nearest to a query, by an encoder's mean states.
 *
 * Making it throws InvalidOptionError, and InvalidFileError for a model that is no encoder; calling it InvalidInputError
 * for what is no text, and AbortedError.
 * @example
 * const nearest = await runtime.task('plugin-name', { model: '@tenon/model-all-minilm-l6-v2' })
 * const [best] = await nearest('a cat', ['a saw', 'a kitten']) // { index: 1, text: 'a kitten', score: 0.79 }
 */
export function pluginFunction(): Task<'plugin-name', EncoderOptions, PluginType> {
  return { kind: 'task', version: 'v1', name: 'plugin-name', create }
}

const WHERE = "the task 'plugin-name'"

async function create(context: TaskContext, options: EncoderOptions): Promise<PluginType> {
  checkOptions(WHERE, options, ['maxLength', 'batchTokens'])
  const encoder = await openEncoder(context, 'base', { where: WHERE, ...options }, appendMean)
  return async (query, texts, call = {}) => {
    checkOptions(`a call of ${WHERE}`, call, ['signal', 'onProgress'])
    checkTexts(query, texts)
    const [asked, ...vectors] = await encoder.rows([query, ...texts], 'mean', call)
    const matches = vectors.map((vector, index): Match => ({ index, text: texts[index]!, score: vector.reduce((sum, value, at) => sum + value * asked![at]!, 0) }))
    return matches.sort((a, b) => b.score - a.score)
  }
}

/** Grows the encoder's graph by the mean of each text's states, of length 1, so that the states never leave the backend: [batch, hidden] */
function appendMean({ checkpoint, graphs }: OpenedModel): Adapted {
  const { builder, values } = extend(graphs['model']!)
  const [states, mask] = [values.get('last_hidden_state'), values.get('attention_mask')]
  if (states === undefined || mask === undefined) throw new InvalidFileError({ path: checkpoint.reference, problem: 'has a graph without last_hidden_state or attention_mask', remedy: 'Use an encoder, such as BERT' })
  const tokens = Unsqueeze(Cast(mask, { to: 'float32' }), integers(mask, [1])) // [batch, 1, sequence], 0 for padding
  const total = Squeeze(MatMul(tokens, states), integers(states, [1])) // the mean but for its length
  builder.output('mean', Div(total, ReduceL2(total, integers(total, [-1]))))
  return { graph: builder.build() }
}

/** Before anything is computed: a wrong text at the end should not cost what is before it. */
function checkTexts(query: unknown, texts: unknown): void {
  if (!Array.isArray(texts)) throw new InvalidInputError({ what: 'the texts', problem: `are ${texts === null ? 'null' : typeof texts}`, remedy: 'pass an array of strings' })
  for (const [index, text] of [query, ...(texts as unknown[])].entries()) {
    if (typeof text !== 'string') throw new InvalidInputError({ what: index === 0 ? 'the query' : `text ${index - 1}`, problem: `is ${text === null ? 'null' : typeof text}`, remedy: 'pass a string' })
  }
}
