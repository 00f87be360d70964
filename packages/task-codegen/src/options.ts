import { checkOptions, InvalidInputError, InvalidOptionError, kindOf, spelled } from '@tenon/core'
import { checkCandidates, checkSamplingOptions, samplingOptions, type SamplingOptions, type Speculation } from '@tenon/generation'
import type { ContextFile } from './prompt/layout.js'
import { completionScopes, type CompletionScope } from './structure/scopes.js'

/** Where to complete: the text before the cursor and behind it, and what else there is to know. */
export interface CompletionInput {
  readonly prefix: string
  /** Default: nothing. Where it is more than white space, the model fills in. */
  readonly suffix?: string | undefined
  /** The file's path, by which the language is told and other files' nearness. Calls with one path share what is cached: give it, where somebody types. */
  readonly path?: string | undefined
  /** `'typescript'`, `'python'`, … Default: as the path's extension says. */
  readonly language?: string | undefined
  /** Other files that the model may be shown. Those with most to do with what is written are, as far as there is room. */
  readonly files?: readonly ContextFile[] | undefined
  /** The repository's name, for models that were trained with it. */
  readonly repository?: string | undefined
}

export interface CompletionOptions extends Omit<SamplingOptions, 'logprobs'> {
  /** Default 128. */
  readonly maxNewTokens?: number | undefined
  /** How far to write. Default `'auto'`: to the end of what is begun at the cursor. */
  readonly scope?: CompletionScope | undefined
  /** How many completions to make, at once, and rank. Default 1, at most 8. More than one are streamed when it is known which is the best. */
  readonly candidates?: number | undefined
  /** How tokens are guessed ahead, to be checked: the text is that of exact steps. Default: by the task's draft, if it has one. */
  readonly speculation?: Speculation | undefined
  /** Texts that end the completion, and are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** Most tokens of the prompt. Default 2,048, or what the model's context leaves. */
  readonly contextTokens?: number | undefined
  /** `'prefix-only'` goes on from the prefix and does not show the model the suffix. Default `'middle'`. */
  readonly infill?: 'middle' | 'prefix-only' | undefined
  /** Whether a prompt that is too long is cut to what is around the cursor. Default true. */
  readonly truncate?: boolean | undefined
  /** Whether the last tokens before the cursor may become others that hold their text, so that `retu` can become `return`. Default true. */
  readonly healing?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const WHERE = "a call of the task 'code-generation'"

/** Log probabilities are always wanted: candidates are ranked by them. */
const sampling = samplingOptions.filter((option) => option !== 'logprobs')

/** @throws InvalidInputError */
export function checkInput(input: CompletionInput): void {
  if (typeof input !== 'object' || input === null) throw new InvalidInputError({ what: 'what is to be completed', problem: `is ${kindOf(input)}`, remedy: 'pass { prefix, suffix }' })
  checkOptions(WHERE, input, ['prefix', 'suffix', 'path', 'language', 'files', 'repository'])
  const { prefix, suffix, path, language, repository, files } = input
  for (const [name, value] of Object.entries({ prefix, suffix, path, language, repository })) {
    if (typeof value === 'string' || (value === undefined && name !== 'prefix')) continue
    throw new InvalidInputError({ what: `the ${name}`, problem: `is ${kindOf(value)}`, remedy: 'pass a string' })
  }
  if (files !== undefined && !(Array.isArray(files) && files.every(isFile))) throw new InvalidInputError({ what: 'the files', problem: 'are no list of files', remedy: 'pass [{ path, text }, …]' })
}

const isFile = (file: unknown): boolean => typeof file === 'object' && file !== null && typeof (file as ContextFile).path === 'string' && typeof (file as ContextFile).text === 'string'

/** @throws InvalidOptionError, InvalidInputError; speculation is checked where it is used. */
export function checkCompletionOptions(options: CompletionOptions): void {
  checkOptions(WHERE, options, ['maxNewTokens', 'scope', 'candidates', 'speculation', 'stop', 'contextTokens', 'infill', 'truncate', 'healing', 'signal', ...sampling])
  const wrong = (option: string, problem: string, remedy: string) => new InvalidOptionError({ where: WHERE, option, problem, remedy })
  for (const option of ['maxNewTokens', 'contextTokens'] as const) {
    const value: unknown = options[option]
    if (value !== undefined && !(Number.isInteger(value) && (value as number) > 0)) throw wrong(option, `is ${spelled(value)}`, 'Give a whole number from 1 on')
  }
  for (const option of ['truncate', 'healing'] as const) {
    if (options[option] !== undefined && typeof options[option] !== 'boolean') throw wrong(option, `is ${kindOf(options[option])}`, 'Give true or false')
  }
  checkCandidates(WHERE, options.candidates)
  checkSamplingOptions(WHERE, Object.fromEntries(sampling.map((option) => [option, options[option]])))
  const { scope = 'auto', infill = 'middle', stop = [] } = options
  if (!completionScopes.includes(scope)) throw wrong('scope', `is ${spelled(scope)}`, `Choose one of: ${completionScopes.join(', ')}`)
  if (infill !== 'middle' && infill !== 'prefix-only') throw wrong('infill', `is ${spelled(infill)}`, "Choose 'middle' or 'prefix-only'")
  if (!Array.isArray(stop) || !stop.every((text) => typeof text === 'string' && text !== '')) throw wrong('stop', 'is no list of texts', "Give texts that are not empty: stop: ['\\n\\n']")
}
