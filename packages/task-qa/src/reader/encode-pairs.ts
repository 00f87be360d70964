import { InvalidInputError, InvalidOptionError, type Encoding, type Tokenizer } from '@tenon/core'
import { windowsOf, type Window } from '@tenon/checkpoint/encoder'
import type { QuestionInContext } from './contracts.js'
import { WHERE, type ResolvedOptions } from './resolve-options.js'

/** A tokenizer, and how it puts questions and contexts together. */
export interface PairTokenizer {
  readonly tokenizer: Tokenizer
  /** Which text of the pair the context is: the first where models are padded on the left, as in training. */
  readonly context: 0 | 1
  /** How many special tokens a pair has. */
  readonly special: number
}

/** @throws InvalidInputError when the tokenizer has no form for pairs. */
export async function pairTokenizer(tokenizer: Tokenizer): Promise<PairTokenizer> {
  const { specialTokensMask } = await tokenizer.encode(['a', 'a'])
  return { tokenizer, context: tokenizer.paddingSide === 'left' ? 0 : 1, special: specialTokensMask.filter((mask) => mask === 1).length }
}

/** The windows of all inputs, some at a time; `cut` is told of questions that were too long. */
export function encodePairs(inputs: readonly QuestionInContext[], pairs: PairTokenizer, options: ResolvedOptions, cut: (questions: number) => void): AsyncGenerator<Window> {
  const encodeSome = async (from: number, to: number) => {
    const some = inputs.slice(from, to)
    const questions = await cutQuestions(some, pairs.tokenizer, options)
    cut(questions.filter(({ text }, index) => text !== some[index]!.question).length)
    const place = (index: number) => (inputs.length === 1 ? '' : ` of input ${from + index}`)
    return Promise.all(some.map(({ context }, index) => encode(questions[index]!, context, place(index), pairs, options)))
  }
  return windowsOf(inputs.map(({ context }) => context.length), encodeSome, options.signal)
}

interface Question {
  readonly text: string
  readonly tokens: number
}

async function cutQuestions(inputs: readonly QuestionInContext[], tokenizer: Tokenizer, { maxQuestionLen }: ResolvedOptions): Promise<Question[]> {
  const encodings = await tokenizer.encodeBatch(inputs.map(({ question }) => question), { addSpecialTokens: false })
  const shorten = async (question: string, encoding: Encoding): Promise<Question> => {
    if (encoding.ids.length <= maxQuestionLen) return { text: question, tokens: encoding.ids.length }
    const text = question.slice(0, encoding.offsets[maxQuestionLen - 1]![1])
    return { text, tokens: (await tokenizer.encode(text, { addSpecialTokens: false })).ids.length }
  }
  return Promise.all(encodings.map((encoding, index) => shorten(inputs[index]!.question, encoding)))
}

/** @throws InvalidInputError, InvalidOptionError where question and stride leave no room. */
async function encode(question: Question, context: string, place: string, { tokenizer, context: side, special }: PairTokenizer, { maxSeqLen, docStride }: ResolvedOptions): Promise<Encoding> {
  const room = maxSeqLen - special - question.tokens
  if (room < 1) {
    throw new InvalidInputError({ what: `the question${place}`, problem: `has ${question.tokens} tokens, which leaves no room for its context within maxSeqLen (${maxSeqLen})`, remedy: 'shorten it, or pass a smaller maxQuestionLen' })
  }
  // Half of the room where a question is so long that the pipeline would fail.
  const usual = Math.min(maxSeqLen >> 1, 128)
  const stride = docStride === undefined && usual >= room ? room >> 1 : (docStride ?? usual)
  const encoding = await tokenizer.encode(side === 1 ? [question.text, context] : [context, question.text], { maxLength: maxSeqLen, stride: Math.min(stride, room - 1), truncate: side === 1 ? 'only-second' : 'only-first' })
  if (stride >= room && encoding.overflowing.length > 0) {
    throw new InvalidOptionError({ where: WHERE, option: 'docStride', problem: `is ${stride}, and the question${place} leaves room for ${room} tokens of its context`, remedy: 'Pass a smaller docStride, or leave it out' })
  }
  return encoding
}
