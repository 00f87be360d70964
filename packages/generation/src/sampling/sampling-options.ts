import { checkOptions, InvalidOptionError } from '@tenon/core'
import type { LogitsProcessor } from './logits-processor.js'

/**
 * How tokens are chosen. Nothing set, or a temperature of 0: always the most probable token. They act in this order, which is
 * that of transformers: repetition, frequency and presence penalties, n-grams, processors, a constraint, temperature, top-k,
 * top-p, min-p, typical-p.
 */
export interface SamplingOptions {
  /** What logits are divided by, from 0. Default 0, or 1 where top-k, top-p, min-p or typical-p is set. */
  readonly temperature?: number | undefined
  /** How many of the most probable tokens are left. Default 0, all. */
  readonly topK?: number | undefined
  /** The most probable tokens that make up this share of the probability are left, above 0 up to 1. Default 1, all. */
  readonly topP?: number | undefined
  /** Tokens at least this share as probable as the most probable one are left, from 0 to 1. Default 0, all. */
  readonly minP?: number | undefined
  /** The tokens whose information is nearest to the entropy, up to this share of the probability, are left, above 0 up to 1. Default 1, all. */
  readonly typicalP?: number | undefined
  /** Above 1 makes tokens of the prompt and the text so far less probable, below 1 more. Above 0. Default 1. */
  readonly repetitionPenalty?: number | undefined
  /** Taken from a logit for each time its token was generated, from -2 to 2. Default 0. */
  readonly frequencyPenalty?: number | undefined
  /** Taken from the logit of every token that was generated, from -2 to 2. Default 0. */
  readonly presencePenalty?: number | undefined
  /** As many tokens in a row are never repeated, be they of the prompt or generated. Default 0, no limit. */
  readonly noRepeatNgramSize?: number | undefined
  /** A whole number from 0. The same seed draws the same tokens from the same logits. Default: another each time. */
  readonly seed?: number | undefined
  /** Run one after another on each token's logits. */
  readonly processors?: readonly LogitsProcessor[] | undefined
  /** Whether the tokens' log-probabilities are wanted: 0.4 ms a token for a vocabulary of 150,000. Default true. */
  readonly logprobs?: boolean | undefined
}

/** Their names, for a task that passes them on. */
export const samplingOptions = ['temperature', 'topK', 'topP', 'minP', 'typicalP', 'repetitionPenalty', 'frequencyPenalty', 'presencePenalty', 'noRepeatNgramSize', 'seed', 'processors', 'logprobs'] as const satisfies readonly (keyof SamplingOptions)[]

const finite = (value: unknown): value is number => Number.isFinite(value)
const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const share = { fits: (value: unknown) => finite(value) && value > 0 && value <= 1, range: 'a number above 0, up to 1' }
const moderate = { fits: (value: unknown) => finite(value) && Math.abs(value) <= 2, range: 'a number from -2 to 2' }

const rules: Readonly<Record<keyof SamplingOptions, { fits(value: unknown): boolean; readonly range: string }>> = {
  temperature: { fits: (value) => finite(value) && value >= 0, range: 'a number from 0, which always takes the most probable token' },
  topK: { fits: whole, range: 'a whole number from 0, which is no limit' },
  topP: share,
  minP: { fits: (value) => finite(value) && value >= 0 && value <= 1, range: 'a number from 0 to 1' },
  typicalP: share,
  repetitionPenalty: { fits: (value) => finite(value) && value > 0, range: 'a number above 0; 1 changes nothing' },
  frequencyPenalty: moderate,
  presencePenalty: moderate,
  noRepeatNgramSize: { fits: whole, range: 'a whole number from 0, which is no limit' },
  seed: { fits: whole, range: 'a whole number from 0' },
  logprobs: { fits: (value) => typeof value === 'boolean', range: 'true or false' },
  processors: { fits: (value) => Array.isArray(value) && value.every((each) => typeof each === 'function'), range: 'an array of functions (logits, { tokens, promptLength }) => void' },
}

/** @throws InvalidOptionError where one is unknown or out of range. */
export function checkSamplingOptions(where: string, options: SamplingOptions): void {
  checkOptions(where, options, samplingOptions)
  for (const option of samplingOptions) {
    const value: unknown = options[option]
    if (value === undefined || rules[option].fits(value)) continue
    throw new InvalidOptionError({ where, option, problem: `is ${typeof value === 'number' || typeof value === 'string' ? value : kind(value)}`, remedy: `Pass ${rules[option].range}` })
  }
}

const kind = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'an array with something else in it' : `a ${typeof value}`)
