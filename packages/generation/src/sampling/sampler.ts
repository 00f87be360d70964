import { UnsatisfiableConstraintError } from '../constraint/unsatisfiable-constraint-error.js'
import { filter } from './candidates.js'
import { draw } from './draw.js'
import { greatest } from './greatest.js'
import { InvalidLogitsError } from './invalid-logits-error.js'
import { logSumExp } from './log-softmax.js'
import type { LogitsContext, LogitsProcessor } from './logits-processor.js'
import { forbidRepeatedNgrams, penaliseRepetition, penaliseUse } from './penalties.js'
import { uniform } from './random.js'
import { checkSamplingOptions, type SamplingOptions } from './sampling-options.js'

/** What forbids tokens by writing -Infinity over their logits. */
interface Mask {
  mask(logits: Float32Array): void
}

export interface Sample {
  readonly token: number
  /** The logarithm of the token's probability as the model gave it, before penalties, filters and temperature, summed in float64. NaN where `logprobs` is false. */
  readonly logprob: number
}

/** Chooses tokens. It keeps nothing between calls: any number of sequences may share it, at any length. */
export interface Sampler {
  /** What was passed, or drawn where nothing was: with it the same tokens can be drawn again. */
  readonly seed: number
  /** Whether the most probable token is always taken. */
  readonly greedy: boolean
  /**
   * Chooses the next token. The draw depends on the seed and `context.tokens.length` alone. Writes over the logits.
   * @param logits [vocabulary]
   * @throws InvalidLogitsError where they hold NaN or Infinity, or nothing finite.
   * @throws UnsatisfiableConstraintError where the constraint forbids all that is left.
   */
  sample(logits: Float32Array, context: LogitsContext, constraint?: Mask): Sample
  /** The penalties, n-grams, processors and the constraint alone, in place: what beam search does to log-probabilities. */
  process(logits: Float32Array, context: LogitsContext, constraint?: Mask): void
}

/**
 * A sampler of these options.
 * @param where Whose options they are, for messages.
 * @throws InvalidOptionError where one is unknown or out of range.
 */
export function createSampler(options: SamplingOptions = {}, where = 'createSampler'): Sampler {
  checkSamplingOptions(where, options)
  const { topK = 0, topP = 1, minP = 0, typicalP = 1, logprobs = true } = options
  const filtered = topK > 0 || topP < 1 || minP > 0 || typicalP < 1
  const { temperature = filtered ? 1 : 0, seed = Math.floor(Math.random() * 2 ** 53) } = options
  const processors = processorsOf(options)

  const process: Sampler['process'] = (logits, context, constraint) => {
    for (const processor of processors) processor(logits, context)
    constraint?.mask(logits)
  }

  const drawn = (logits: Float32Array, most: number, share: number) =>
    filtered ? filter(logits, most, { temperature, topK, topP, minP, typicalP }).at(share) : draw(logits, most, temperature, share)

  return {
    seed,
    greedy: temperature === 0,
    process,
    sample(logits, context, constraint) {
      const likeliest = greatest(logits, 'model')
      if (likeliest < 0) throw new InvalidLogitsError({ from: 'model', problem: 'are all -Infinity' })
      const total = logprobs ? logSumExp(logits, logits[likeliest]!) : NaN
      if (temperature === 0 && processors.length === 0 && constraint === undefined) return { token: likeliest, logprob: logits[likeliest]! - total }

      // What a token was before it was penalised is wanted only of the one that is chosen, which is not known yet.
      const given = logprobs && processors.length > 0 ? keep(logits) : logits
      for (const processor of processors) processor(logits, context)
      let best = processors.length > 0 ? greatest(logits, 'processor') : likeliest
      if (best < 0) throw new InvalidLogitsError({ from: 'processor', problem: 'are all -Infinity' })
      if (constraint !== undefined) {
        constraint.mask(logits)
        best = greatest(logits, 'processor')
        if (best < 0) throw new UnsatisfiableConstraintError({ problem: 'allows none of the tokens that are left', remedy: processors.length > 0 ? 'Loosen it, or noRepeatNgramSize and the processors' : 'Check that the tokenizer has tokens for all that it asks for' })
      }
      const token = temperature === 0 ? best : drawn(logits, logits[best]!, uniform(seed, context.tokens.length))
      return { token, logprob: given[token]! - total }
    },
  }
}

function processorsOf({ repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0, noRepeatNgramSize = 0, processors = [] }: SamplingOptions): readonly LogitsProcessor[] {
  return [
    ...(repetitionPenalty !== 1 ? [penaliseRepetition(repetitionPenalty)] : []),
    ...(frequencyPenalty !== 0 || presencePenalty !== 0 ? [penaliseUse(frequencyPenalty, presencePenalty)] : []),
    ...(noRepeatNgramSize > 0 ? [forbidRepeatedNgrams(noRepeatNgramSize)] : []),
    ...processors,
  ]
}

let kept = new Float32Array(0)

/** A copy that the next call writes over. */
function keep(logits: Float32Array): Float32Array {
  if (kept.length < logits.length) kept = new Float32Array(logits.length)
  kept.set(logits)
  return kept
}
