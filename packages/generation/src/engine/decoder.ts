import type { Checkpoint, RunOptions, Tokenizer } from '@tenon/core'
import type { Constraint, ConstraintFactory } from '../constraint/index.js'
import type { SamplingOptions } from '../sampling/index.js'

/** A decoder that is ready: what generates text, for several callers at once, and remembers what it has read. */
export interface Decoder {
  readonly checkpoint: Checkpoint
  readonly tokenizer: Tokenizer
  /** Most tokens of a prompt and what is generated from it. */
  readonly contextLength: number
  /** Tokens that the model gives logits for: 0 to `vocabularySize` - 1. */
  readonly vocabularySize: number
  /** What ends a text, as the model's files say. */
  readonly endTokens: readonly number[]
  /**
   * Starts a generation. Those under way share their steps, and those whose prompts begin alike what was read of them.
   * @throws InvalidInputError for a prompt that is empty, longer than the context, or no ids of this model; and where it does not fit `cacheBytes`.
   * @throws InvalidOptionError, DisposedError
   * @example
   * for await (const { text } of decoder.generate({ prompt: ids, maxNewTokens: 64, stop: ['\n\n'] })) process.stdout.write(text)
   */
  generate(request: GenerationRequest): Generation
  /**
   * How likely the model finds a text: the log probabilities of `ids[1]` to the last, each given what is before it.
   * @throws InvalidInputError, AbortedError, DisposedError, BackendError
   */
  score(ids: readonly number[], options?: RunOptions): Promise<Float32Array>
}

/** Drafts found in the text itself: what followed the last tokens where they stood before. Costs nothing where nothing is found. */
export interface PromptLookupOptions {
  /** Most tokens of one draft. Default 12. */
  readonly tokens?: number
  /** Most tokens at the end that must stand elsewhere too; the longest match wins. Default 4. */
  readonly longest?: number
  /** Fewest of them. Default 2: one token alone stands everywhere. */
  readonly shortest?: number
}

/** Drafts by a smaller model with the same vocabulary. */
export interface DraftModelOptions {
  readonly draft: Decoder
  /** Most tokens of one draft. Default 4. */
  readonly tokens?: number
}

/** How several tokens are guessed, to be checked in one run: by what stands in the text, by the draft that the decoder was opened with, by another one, or not at all. */
export type Speculation = 'prompt-lookup' | 'draft' | false | { readonly promptLookup: PromptLookupOptions } | DraftModelOptions

/** Beam search, as of the `generate` of Python's transformers. */
export interface BeamOptions {
  readonly count: number
  /** The sum of log probabilities is divided by tokens ** lengthPenalty: above 0 favours longer texts. Default 1. */
  readonly lengthPenalty?: number
  /** `true`: ends with `count` finished texts; `false`: where the best that goes on is worse than all finished; `'never'`: where it must stay so. Default false. */
  readonly earlyStopping?: boolean | 'never'
  /** How many of the best texts `result.beams` holds. Default 1. */
  readonly best?: number
}

export interface GenerationRequest extends SamplingOptions {
  /** Token ids, at least one. */
  readonly prompt: readonly number[]
  /** Default: what the context has room for. 0 only reads the prompt into the cache, for a request that is to come. */
  readonly maxNewTokens?: number | undefined
  /** Texts that end the generation, and are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** Tokens that end it beside the end tokens, and leave no text. */
  readonly stopTokens?: readonly number[] | undefined
  /** Default: those of the model. `[]` goes on after them. */
  readonly endTokens?: readonly number[] | undefined
  /** Called with the text so far whenever it has grown; a number ends the generation and cuts the text there. Text that was streamed stays streamed. */
  readonly until?: ((text: string) => number | undefined) | undefined
  /** What the text has to be: `jsonSchema(…)`, `grammar(…)`, or a constraint of one's own, for this generation alone. */
  readonly constraint?: Constraint | ConstraintFactory | undefined
  /** Whether and how tokens are guessed ahead. Default: `'draft'` where the decoder was opened with one, but not for beams; else `false`. */
  readonly speculation?: Speculation | undefined
  /**
   * Whether steps are run as those that check guesses are, so that the text is that of speculation to the bit, whatever is guessed. It matters
   * for weights in few bits, whose rounding of activations makes the smallest difference grow; such steps take about a tenth longer, and are
   * not shared with others. Default: where there is `speculation`.
   */
  readonly exact?: boolean | undefined
  /**
   * What of the cache it may begin with. `'all'`: also what was generated, which is fastest where a conversation goes on. `'read'`: only what
   * was read as a prompt is, so that the text is that of an empty cache to the bit; with weights in few bits the rows that generating left
   * are not those that reading makes. Default: `'read'` where steps are `exact`, else `'all'`.
   */
  readonly reuse?: 'all' | 'read' | undefined
  readonly beams?: number | BeamOptions | undefined
  readonly signal?: AbortSignal | undefined
}

/** Text that is certain, and the tokens since the piece before. */
export interface GenerationPiece {
  readonly text: string
  readonly tokens: readonly number[]
}

/**
 * A generation under way. Iterating streams it, once; leaving the loop cancels it. Who stops pulling holds it up after 32 pieces, until
 * more is pulled or `result` is asked for. Both throw what ended it: AbortedError, BackendError, DisposedError.
 */
export interface Generation extends AsyncIterable<GenerationPiece> {
  /** Settles at the end, whether or not somebody iterates. Nobody needs to look at it. */
  readonly result: Promise<GenerationResult>
}

export type FinishReason = 'end-token' | 'stop-string' | 'stop-token' | 'until' | 'constraint' | 'length'

export interface GenerationResult {
  readonly text: string
  /** All that were generated: the one that ended it too, and those whose text a stop string or `until` cut off. */
  readonly tokens: readonly number[]
  /** The sum over `tokens`; of the best beam the sum, not its score. */
  readonly logprob: number
  readonly finishReason: FinishReason
  /** Of a beam search: the best texts, best first. */
  readonly beams?: readonly Beam[]
  readonly stats: GenerationStats
}

export interface Beam {
  readonly text: string
  readonly tokens: readonly number[]
  readonly logprob: number
  /** logprob / tokens ** lengthPenalty. */
  readonly score: number
  readonly finishReason: FinishReason
}

export interface GenerationStats {
  readonly promptTokens: number
  /** Of the prompt's tokens, those that were in the cache. */
  readonly cachedTokens: number
  readonly generatedTokens: number
  /** Milliseconds from the call to the first token, waiting included; 0 where there is none. */
  readonly timeToFirstToken: number
  /** Milliseconds that the runs over the prompt took. */
  readonly prefillMilliseconds: number
  /** Milliseconds that the steps after the first token took, drafts and sampling included. */
  readonly decodeMilliseconds: number
  /** Tokens after the first, by `decodeMilliseconds`. */
  readonly tokensPerSecond: number
  readonly draftedTokens: number
  readonly acceptedTokens: number
}
