import { checkOptions, InvalidInputError, InvalidOptionError, kindOf, throwIfAborted, type Emit, type Task, type TaskContext } from '@tenon/core'
import { statsTogether, streamed, openDecoder, type Constraint, type ConstraintFactory, type Decoder, type DraftChoice, type GenerationRequest, type GenerationResult, type SamplingOptions } from '@tenon/generation'
import type { Answer, AnswerResult } from './answer.js'
import { chatPrompts, type ChatPrompt, type TemplateOptions } from './chat-prompt.js'
import { LiveConversation, type Conversation, type ConversationOptions } from './conversation.js'
import type { Message } from './messages.js'
import { checkGenerateOptions, constraintIn, readDefaults, type Defaults, type GenerateOptions } from './options.js'
import { readToolCalls, toolCallMessages } from './tool-calls.js'

export interface TextGenerationOptions {
  /** Most tokens of prompt and answer together. Default, and at most: what the model's positions allow. */
  readonly contextLength?: number
  /** Most memory of the key-value cache, a draft's included, in bytes. Default: as much as @tenon/generation takes. */
  readonly cacheBytes?: number
  /** Sequences that are generated at once, and conversations kept for their next turn. Default 8. */
  readonly slots?: number
  /** A smaller model of the same vocabulary that guesses ahead: where it is right, the answer is there sooner. Calls may do without: `speculation: false`. Default: none. */
  readonly draft?: string | URL | DraftChoice
}

export interface TextGenerator {
  /** Goes on from a text, which is passed to the model as it is; or answers messages, by the model's chat template. Errors come by the answer: its result rejects, and iterating it throws. */
  (input: string | readonly Message[], options?: GenerateOptions): Answer
  /**
   * A conversation, whose messages are kept and of which only what is new is read at each turn.
   * @throws InvalidInputError, InvalidOptionError, UnsupportedSchemaError, InvalidGrammarError, UnsatisfiableConstraintError
   */
  conversation(options?: ConversationOptions): Conversation
  /**
   * What the model is shown of messages: the text that its template makes of them, and its tokens.
   * @throws ChatTemplateError, NoChatTemplateError, InvalidInputError
   */
  prompt(messages: readonly Message[], options?: TemplateOptions): Promise<{ readonly text: string; readonly ids: readonly number[] }>
  /**
   * The log probabilities that the model gives to each token of a text, given what is before it: of all but the first. The text is
   * encoded as a prompt is; texts longer than the context are refused.
   * @throws InvalidInputError
   */
  score(text: string, options?: { readonly signal?: AbortSignal }): Promise<{ readonly ids: readonly number[]; readonly logprobs: Float32Array }>
  /** Most tokens of prompt and answer together. */
  readonly contextLength: number
  /** How tokens are chosen where a call does not say: as generation_config.json of the model recommends. Without a temperature nothing is drawn. */
  readonly sampling: SamplingOptions
}

/**
 * The task `'text-generation'`: chat by the model's own template, and texts that go on.
 *
 * Making it throws what opening a decoder does; calling it InvalidInputError, InvalidOptionError, ChatTemplateError,
 * NoChatTemplateError, AbortedError and DisposedError, by the answer.
 * @example
 * const generate = await runtime.task('text-generation', { model: './SmolLM2-135M-Instruct' })
 * for await (const text of generate([{ role: 'user', content: 'What is a tenon?' }])) process.stdout.write(text)
 */
export function textGeneration(): Task<'text-generation', TextGenerationOptions, TextGenerator> {
  return { kind: 'task', version: 'v1', name: 'text-generation', create }
}

const WHERE = "the task 'text-generation'"
const WHERE_CALLED = `a call of ${WHERE}`

/** An answer that is longer is rarely one: a model that does not end would go on until its context is full. */
const NEW_TOKENS = 1024

async function create(context: TaskContext, options: TextGenerationOptions): Promise<TextGenerator> {
  checkOptions(WHERE, options, ['contextLength', 'cacheBytes', 'slots', 'draft'])
  const decoder = await openDecoder(context, { where: WHERE, ...options })
  const { checkpoint, tokenizer, contextLength } = decoder
  const [promptOf, defaults] = await Promise.all([chatPrompts(checkpoint, tokenizer), readDefaults(checkpoint)])
  const model: Opened = { decoder, promptOf, defaults, emit: context.emit }

  const generate = (input: string | readonly Message[], call: GenerateOptions = {}): Answer =>
    streamed((emit, signal) => {
      checkGenerateOptions(WHERE_CALLED, call)
      return answer(model, input, call, emit, signal)
    }, (call as GenerateOptions | null)?.signal)
  return Object.assign(generate, {
    contextLength,
    sampling: defaults.sampling,
    conversation: (call: ConversationOptions = {}) => new LiveConversation({ generate, promptOf, contextLength, newTokens: ({ maxNewTokens }) => maxNewTokens ?? defaults.maxNewTokens ?? NEW_TOKENS, emit: context.emit }, call),
    async prompt(messages: readonly Message[], call: TemplateOptions = {}) {
      checkOptions('prompt', call, ['template', 'tools', 'documents', 'variables'])
      checkGenerateOptions('prompt', call)
      const { text, ids } = await promptOf(messages, call)
      return { text, ids }
    },
    async score(text: string, call: { readonly signal?: AbortSignal } = {}) {
      checkOptions('score', call, ['signal'])
      const ids = await promptIds(model, text)
      return { ids, logprobs: await decoder.score(ids, call) }
    },
  })
}

interface Opened {
  readonly decoder: Decoder
  readonly promptOf: (messages: readonly Message[], options: TemplateOptions) => Promise<ChatPrompt>
  readonly defaults: Defaults
  readonly emit: Emit
}

async function promptIds({ decoder }: Pick<Opened, 'decoder'>, text: string): Promise<readonly number[]> {
  if (typeof text !== 'string') throw new InvalidInputError({ what: 'the prompt', problem: `is ${kindOf(text)}`, remedy: "pass a string, or messages: [{ role: 'user', content: '…' }]" })
  const { ids } = await decoder.tokenizer.encode(text)
  if (ids.length === 0) throw new InvalidInputError({ what: 'the prompt', problem: 'is empty', remedy: 'pass some text' })
  return ids
}

async function answer(model: Opened, input: string | readonly Message[], options: GenerateOptions, emit: EmitText, signal: AbortSignal): Promise<AnswerResult> {
  const began = performance.now()
  const { decoder, defaults } = model
  const { template, tools, documents, variables, schema, grammar, constraint: own, candidates = 1, maxNewTokens, stop, speculation, beams, signal: _, ...sampling } = options
  throwIfAborted(signal)
  const constraint = constraintIn({ schema, grammar, constraint: own })
  const chat = typeof input === 'string' ? undefined : await model.promptOf(input, { template, tools, documents, variables })
  const ids = chat?.ids ?? (await promptIds(model, input as string))
  throwIfAborted(signal)
  const room = decoder.contextLength - ids.length
  const request: GenerationRequest = {
    // What a file recommends for drawing is no wish for it: a search for the likeliest text and a temperature of 0 draw nothing.
    ...(beams === undefined ? defaults.sampling : {}),
    ...given(sampling),
    ...(beams === undefined && { logprobs: candidates > 1 || sampling.logprobs === true }), // several are ranked by them
    prompt: ids,
    maxNewTokens: Math.min(maxNewTokens ?? defaults.maxNewTokens ?? NEW_TOKENS, Math.max(0, room)),
    stop,
    stopTokens: chat === undefined ? undefined : chat.turnEnds.filter((id) => !decoder.endTokens.includes(id)),
    speculation,
    beams,
    signal,
  }
  if (candidates > 1 && (request.temperature ?? 0) === 0) throw new InvalidOptionError({ where: WHERE_CALLED, option: 'candidates', problem: `is ${candidates}, and without a temperature all of them are the same`, remedy: "Give a temperature above 0, or ask for 'beams'" })
  const before = performance.now() - began
  const results = await Promise.all(Array.from({ length: candidates }, (_each, index) => run(model, { ...request, constraint: constraintFor(constraint, index), ...(index > 0 && request.seed !== undefined && { seed: seedOf(request.seed, index) }) }, candidates > 1 || beams !== undefined ? undefined : emit)))
  const ranked = results.flatMap((result): readonly Pick<GenerationResult, 'text' | 'logprob' | 'finishReason' | 'tokens'>[] => result.beams ?? [result]).map(({ text, logprob, finishReason, tokens }) => ({ text, logprob, finishReason, mean: logprob / Math.max(1, tokens.length) }))
  if (beams === undefined) ranked.sort((one, other) => other.mean - one.mean)
  const { text, finishReason } = ranked[0]!
  if (candidates > 1 || beams !== undefined) emit(text)
  const { content, toolCalls } = tools === undefined ? { content: text, toolCalls: [] } : readToolCalls(text, tools)
  const turn = typeof input === 'string' ? 0 : input.length
  return {
    text,
    finishReason,
    message: { role: 'assistant', content, ...(toolCalls.length > 0 && { tool_calls: toolCallMessages(toolCalls, turn) }) },
    toolCalls,
    candidates: ranked.map(({ text, finishReason, logprob }) => ({ text, finishReason, ...(!Number.isNaN(logprob) && { logprob }) })),
    stats: statsTogether(results.map(({ stats }) => stats), before),
  }
}

/** The seed of a further candidate: the next whole number, and behind the last one that is exact the first again. */
const seedOf = (seed: number, index: number) => (seed <= Number.MAX_SAFE_INTEGER - index ? seed + index : index - 1 - (Number.MAX_SAFE_INTEGER - seed))

/** It may be told to wait, by who reads more slowly. */
type EmitText = (text: string) => Promise<void> | undefined

/** What was said: an option that is undefined is left to the defaults. */
const given = <T extends object>(options: T): T => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T

/** A constraint keeps count of one text: every further candidate gets its own. */
const constraintFor = (constraint: Constraint | ConstraintFactory | undefined, index: number) => (index === 0 || constraint === undefined || typeof constraint === 'function' ? constraint : constraint.fork())

async function run({ decoder }: Opened, request: GenerationRequest, emit: EmitText | undefined): Promise<GenerationResult> {
  const generation = decoder.generate(request)
  if (emit !== undefined) for await (const { text } of generation) await emit(text)
  return generation.result
}
