import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, kindOf, type Emit, type Encoding, type RunOptions, type Task, type TaskContext, type Tokenizer } from '@tenon/core'
import { openEncoder } from '@tenon/checkpoint/encoder'
import { highest } from './highest.js'
import { appendMaskScores, MASK_POSITIONS, MASK_SCORES, maskPositions, masksIn } from './mask-scores.js'

export interface FillMaskOptions {
  /** Tokens read of each text, special tokens included. Default, and at most: what the model's files say. */
  readonly maxLength?: number
  /** Most tokens in one run, padding included. Default 1,024: more does not run faster on a CPU, and holds more memory. */
  readonly batchTokens?: number
}

/** Options of one call. */
export interface FillMaskCall extends RunOptions {
  /** How many tokens to give for each mask. Default 5. */
  readonly topK?: number
  /** The only tokens to score. For one that is not in the vocabulary its first piece stands in, with a notice. */
  readonly targets?: string | readonly string[]
  /** Called as texts are done, in whatever order. */
  readonly onProgress?: (done: number, total: number) => void
}

/** A token in a mask's place. */
export interface FilledMask {
  /** Its probability among all tokens. */
  readonly score: number
  readonly token: number
  readonly token_str: string
  /** The text with the token in this mask's place. */
  readonly sequence: string
}

/** For a text with one mask its tokens, the most probable first; for one with several a list for each, in their order. */
type Filled = FilledMask[] | FilledMask[][]

export interface MaskFiller {
  (text: string, options?: FillMaskCall): Promise<Filled>
  (texts: readonly string[], options?: FillMaskCall): Promise<Filled[]>
  /** What stands in a text for a token to be found: `'[MASK]'`, `'<mask>'`. */
  readonly mask: string
  /** Tokens read of each text; the rest is cut off. */
  readonly maxLength: number
}

/**
 * The task `'fill-mask'`: the tokens that a masked language model expects in a mask's place. Several masks in a text are
 * filled each by itself. What is longer than the model reads is cut, with a notice `TENON_TEXT_CUT`.
 *
 * Making it throws InvalidOptionError, InvalidFileError where the tokenizer has no mask, and WeightMismatchError; calling it
 * InvalidInputError for what is no text and for texts without a mask, InvalidOptionError, AbortedError, and DisposedError.
 * @example
 * const fill = await runtime.task('fill-mask', { model: './bert-base-uncased' })
 * const [best] = (await fill('Wood is [MASK] in the open air.')).flat()
 */
export function fillMask(): Task<'fill-mask', FillMaskOptions, MaskFiller> {
  return { kind: 'task', version: 'v1', name: 'fill-mask', create }
}

const WHERE = "the task 'fill-mask'"
const WHERE_CALLED = `a call of ${WHERE}`

async function create(context: TaskContext, options: FillMaskOptions): Promise<MaskFiller> {
  checkOptions(WHERE, options, ['maxLength', 'batchTokens'])
  let id = NaN // known once the tokenizer is, before the first run
  const encoder = await openEncoder(context, 'masked-lm', { where: WHERE, ...options }, ({ checkpoint, graphs }) => ({
    graph: appendMaskScores(graphs['model']!, checkpoint.reference),
    feeds: { [MASK_POSITIONS]: (encodings, length) => maskPositions(encodings, length, id) },
  }))
  const { tokenizer, maxLength, checkpoint } = encoder
  const mask = maskOf(tokenizer, checkpoint.reference)
  id = mask.id
  const pad = tokenizer.special.pad === undefined ? undefined : tokenizer.idOf(tokenizer.special.pad)

  async function fillAll(texts: readonly string[], { topK = 5, targets, signal, onProgress }: FillMaskCall): Promise<Filled[]> {
    const among = targets === undefined ? undefined : await targetIds(tokenizer, targets, context.emit)
    const filled: Filled[] = []
    let done = 0
    for await (const { first, encodings } of encoder.encode(texts, signal && { signal })) {
      encodings.forEach(({ ids }, index) => {
        if (!ids.includes(mask.id)) throw new InvalidInputError({ what: `text ${first + index}`, problem: `has no ${mask.token} among its first ${maxLength} tokens, which are all the model reads`, remedy: 'shorten what stands before it' })
      })
      for await (const { indices, outputs } of encoder.run(encodings, signal && { signal })) {
        const scores = (await outputs[MASK_SCORES]!.data()) as Float32Array
        const size = outputs[MASK_SCORES]!.shape[1]!
        let row = 0
        for (const index of indices) {
          const { ids } = encodings[index]!
          const columns = masksIn(ids, mask.id)
          const lists = columns.map((column) => tokensFor(scores.subarray(row * size, ++row * size), ids, column, { topK, among, alone: columns.length === 1 }))
          filled[first + index] = columns.length === 1 ? await lists[0]! : await Promise.all(lists)
        }
        done += indices.length
        onProgress?.(done, texts.length)
      }
    }
    return filled
  }

  /** The best tokens in a mask's place, as texts. */
  function tokensFor(scores: Float32Array, ids: Encoding['ids'], column: number, { topK, among, alone }: { topK: number; among: readonly number[] | undefined; alone: boolean }): Promise<FilledMask[]> {
    return Promise.all(
      highest(scores, topK, among).map(async (token) => {
        const sequence = ids.with(column, token).filter((each) => each !== pad)
        // Other masks are special tokens, too, and stay to be seen.
        return { score: scores[token]!, token, token_str: await tokenizer.decode([token]), sequence: await tokenizer.decode(sequence, { skipSpecialTokens: alone }) }
      }),
    )
  }

  const filler = async (input: string | readonly string[], call: FillMaskCall = {}) => {
    checkCall(call)
    if (typeof input === 'string') {
      checkText(input, 'the text', mask.token)
      return (await fillAll([input], call))[0]!
    }
    if (!Array.isArray(input)) throw new InvalidInputError({ what: 'the texts', problem: `are ${kindOf(input)}`, remedy: 'pass a string, or an array of them' })
    const texts = Array.from(input as readonly unknown[], (text, index) => {
      checkText(text, `text ${index}`, mask.token)
      return text
    })
    return fillAll(texts, call)
  }
  return Object.assign(filler as MaskFiller, { mask: mask.token, maxLength })
}

/** @throws InvalidFileError */
function maskOf(tokenizer: Tokenizer, reference: string): { readonly token: string; readonly id: number } {
  const token = tokenizer.special.mask
  const id = token === undefined ? undefined : tokenizer.idOf(token)
  if (token === undefined || id === undefined) throw new InvalidFileError({ path: reference, problem: 'has a tokenizer without a mask token', remedy: 'Name a masked language model, with its tokenizer_config.json' })
  return { token, id }
}

/** @throws InvalidOptionError */
function checkCall(call: FillMaskCall): void {
  checkOptions(WHERE_CALLED, call, ['topK', 'targets', 'signal', 'onProgress'])
  const { topK, targets } = call
  if (topK !== undefined && !(Number.isInteger(topK) && topK > 0)) throw new InvalidOptionError({ where: WHERE_CALLED, option: 'topK', problem: `is ${String(topK)}`, remedy: 'Give a positive integer' })
  const words: unknown = typeof targets === 'string' ? [targets] : targets
  if (words !== undefined && !(Array.isArray(words) && words.length > 0 && Array.from(words as readonly unknown[]).every((word) => typeof word === 'string'))) {
    throw new InvalidOptionError({ where: WHERE_CALLED, option: 'targets', problem: Array.isArray(words) && words.length === 0 ? 'is empty' : 'is no list of words', remedy: 'Give a word, or an array of them' })
  }
}

/**
 * Before anything is computed: a wrong text at the end should not cost what is before it.
 * @throws InvalidInputError
 */
function checkText(text: unknown, what: string, mask: string): asserts text is string {
  if (typeof text !== 'string') throw new InvalidInputError({ what, problem: `is ${kindOf(text)}`, remedy: 'pass strings' })
  if (!text.includes(mask)) throw new InvalidInputError({ what, problem: 'has no mask', remedy: `put ${mask} where a token is to be found` })
}

/**
 * The ids of words, each once.
 * @throws InvalidOptionError where none is left.
 */
async function targetIds(tokenizer: Tokenizer, targets: string | readonly string[], emit: Emit): Promise<readonly number[]> {
  const ids = new Set<number>()
  for (const target of [targets].flat()) {
    const id = tokenizer.idOf(target) ?? (await tokenizer.encode(target, { addSpecialTokens: false })).ids[0]
    if (tokenizer.idOf(target) === undefined) {
      const instead = id === undefined ? 'it is left out' : `'${tokenizer.tokenOf(id)}' stands in for it`
      emit({ type: 'notice', code: 'TENON_TARGET_REPLACED', message: `The target '${target}' is not in the vocabulary; ${instead}` })
    }
    if (id !== undefined) ids.add(id)
  }
  if (ids.size === 0) throw new InvalidOptionError({ where: WHERE_CALLED, option: 'targets', problem: 'holds no word that the vocabulary has a piece of', remedy: 'Give other words' })
  return [...ids]
}
